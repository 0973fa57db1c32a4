export { eraseSubject } from "./personal/erase-subject.js";
export { mayBePersonal } from "./personal/is-personal.js";
export { openPending, sealPending } from "./personal/pending.js";
