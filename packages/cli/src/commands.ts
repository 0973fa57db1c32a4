import type { Command } from "./command.js";
import { doctorCommand } from "./doctor/doctor.js";
import { applyCommand } from "./migrate/apply.js";
import { planCommand } from "./migrate/plan.js";
import { statusCommand } from "./migrate/status.js";

/** Every command, in the order help shows them. */
export const commands: readonly Command[] = [doctorCommand, planCommand, applyCommand, statusCommand];
