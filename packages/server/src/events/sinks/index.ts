/** Receivers of events outside this process that need no broker. */
export type { EventFilter, EventSink, OutgoingEvent, Refusal } from "../sink.js";
export type { SinkChoice } from "./choice.js";
export type { HttpSinkOptions } from "./http-post.js";
export { jsonLinesSink, type JsonLinesSinkOptions } from "./json-lines.js";
export type { LineStream, LineTarget } from "./line-writer.js";
export { ocsfSink, type OcsfSinkOptions } from "./ocsf.js";
export { productAnalyticsSink, type ProductAnalyticsSinkOptions } from "./product-analytics.js";
export { analyticsUserId } from "./pseudonym.js";
export { verifyWebhook, type VerifiedWebhook, type WebhookDelivery } from "./verify-webhook.js";
export { webhookSink, type WebhookSinkOptions } from "./webhook.js";
