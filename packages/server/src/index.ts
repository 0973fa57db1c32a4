export type {
  AuditApi,
  AuditEntry,
  AuditQuery,
  AuditStatus,
  Completeness as AuditCompleteness,
  PersonalView,
} from "./audit/index.js";
export type { SegnoApi } from "./api.js";
export type {
  CreatedServiceAccount,
  NewServiceAccount,
  ServiceAccount,
  ServiceAccountAuthentication,
} from "./clients/index.js";
export type {
  ClientAuthentication,
  ClientCertificateOptions,
  ClientIpOptions,
  ConsentOptions,
  DelegationOptions,
  AuditOptions,
  EventOptions,
  KeyOptions,
  MetricsOptions,
  RetentionClass,
  PasskeyOptions,
  SegnoOptions,
  ServiceGrant,
  ServiceOptions,
  SessionOptions,
  SignInOptions,
  TokenOptions,
} from "./config.js";
export type { Consent } from "./consents/index.js";
export type { LogFields, Logger, MailMessage, MailTransport, RandomSource, RequestView } from "./engine.js";
export type { ServiceMetric, ServiceMetrics } from "./service-metrics/index.js";
export type { FunnelCut, FunnelQuery, FunnelReport, FunnelRow, Spread } from "./funnel/index.js";
export type {
  DeadLetter,
  EventApi,
  EventConsumer,
  EventFilter,
  EventListener,
  EventPage,
  EventSink,
  ListOptions as EventListOptions,
  OutgoingEvent,
  Refusal,
  ReplayOptions,
} from "./events/index.js";
export type { HealthReport } from "./http/index.js";
export type { Finding, HuntQuery } from "./hunts/index.js";
export type {
  CompromiseOptions,
  CompromiseReport,
  KeyAlgorithm,
  KeyApi,
  KeyContext,
  KeyCustody,
  KeyHealth,
  KeyringHealth,
  KeyPurpose,
  KeyStatus,
  KeyStatusReport,
  KnownVerifier,
  RemoteCustody,
  RemoteKey,
  RotateKeysOptions,
  RotateOptions,
  Rotation,
  SignDocumentOptions,
  SignedDocument,
  WrappingCustody,
} from "./keys/index.js";
export {
  type DevelopmentMailbox,
  developmentMailbox,
  type NodemailerTransporter,
  nodemailerTransport,
} from "./mail/index.js";
export type {
  InspectedClient,
  InspectedConfiguration,
  InspectedHotState,
  InspectedStore,
  InspectSample,
  SegnoInspection,
} from "./inspect.js";
export { jsonLogger, type JsonLoggerOptions, type LogLevel, silentLogger } from "./runtime.js";
export type { BurnAlert, FoundRequest, RateDrop, SloDefinition, SloReport, SloState } from "./observability/index.js";
export type { SegnoSchema } from "./schema.js";
export { createSegno, type ReadyOptions, type Segno } from "./segno.js";
export type {
  PollDelivery,
  PushDelivery,
  SharedSignalsOptions,
  SignalAction,
  SignalStreamOptions,
  SignalSubject,
  SignalTransmitterOptions,
  SignalType,
} from "./shared-signals/index.js";
export type { SessionView } from "./sessions/index.js";
export type {
  KeyValueSource,
  MigrationStatus,
  MigrationStep,
  SchemaAccess,
  SchemaStatus,
  StoreContext,
  StoreSource,
} from "./storage/index.js";
export type { RevocationTarget, RevokedTokens } from "./tokens/index.js";
export type { User } from "./users/index.js";
