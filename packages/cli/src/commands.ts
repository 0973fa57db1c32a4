import { auditAskWitnessCommand } from "./audit/ask-witness.js";
import { auditExportCommand, auditStatusCommand } from "./audit/export.js";
import { auditCompletenessCommand } from "./audit/completeness.js";
import { auditListCommand } from "./audit/list.js";
import { auditCheckProofCommand, auditProveCommand, auditShowCommand } from "./audit/prove.js";
import { auditVerifyCommand } from "./audit/verify.js";
import { auditWitnessCommand } from "./audit/witness.js";
import type { Command } from "./command.js";
import { doctorCommand } from "./doctor/doctor.js";
import { deadLettersCommand } from "./events/dead-letters.js";
import { replayCommand } from "./events/replay.js";
import { sinksCommand } from "./events/sinks.js";
import { tailCommand } from "./events/tail.js";
import { funnelCommand } from "./funnel/funnel.js";
import { evidenceBuildCommand } from "./evidence/build.js";
import { evidenceHandOverCommand } from "./evidence/hand-over.js";
import { evidenceVerifyCommand } from "./evidence/verify.js";
import { huntCommand } from "./hunt/hunt.js";
import { keysCompromiseCommand } from "./keys/compromise.js";
import { keysRotateCommand } from "./keys/rotate.js";
import { keysStatusCommand } from "./keys/status.js";
import { applyCommand } from "./migrate/apply.js";
import { planCommand } from "./migrate/plan.js";
import { statusCommand } from "./migrate/status.js";
import { metricsCommand } from "./metrics/metrics.js";
import { probeCommand, probeEnrolCommand } from "./probe/probe.js";
import { supportCommand } from "./support/support.js";
import { sloDashboardCommand, sloRulesCommand } from "./slo/files.js";
import { sloCommand } from "./slo/slo.js";

/** Every command, in the order help shows them. */
export const commands: readonly Command[] = [
  doctorCommand,
  planCommand,
  applyCommand,
  statusCommand,
  keysStatusCommand,
  keysRotateCommand,
  keysCompromiseCommand,
  tailCommand,
  sinksCommand,
  deadLettersCommand,
  replayCommand,
  supportCommand,
  funnelCommand,
  auditStatusCommand,
  auditExportCommand,
  auditVerifyCommand,
  auditProveCommand,
  auditCheckProofCommand,
  auditShowCommand,
  auditWitnessCommand,
  auditListCommand,
  auditCompletenessCommand,
  evidenceBuildCommand,
  evidenceHandOverCommand,
  evidenceVerifyCommand,
  auditAskWitnessCommand,
  huntCommand,
  sloCommand,
  sloRulesCommand,
  sloDashboardCommand,
  metricsCommand,
  probeEnrolCommand,
  probeCommand,
];
