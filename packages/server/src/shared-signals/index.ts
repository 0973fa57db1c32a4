/** What other domains may use of the shared signals. */
export { tokenHashOf } from "./authorize-stream.js";
export { openSharedSignals, type RunningSignals } from "./open.js";
export type {
  PollDelivery,
  PushDelivery,
  SharedSignals,
  SharedSignalsOptions,
  SignalAction,
  SignalStream,
  SignalStreamOptions,
  SignalSubject,
  SignalTransmitter,
  SignalTransmitterOptions,
} from "./options.js";
export { consumerOf, openPush } from "./push-stream.js";
export { type SignalType, signalTypes } from "./signal-types.js";
