import { expect, it } from "vitest";
import * as audit from "./audit/public.js";
import * as events from "./events/sinks/index.js";
import * as kafka from "./events/sinks/kafka.js";
import * as nats from "./events/sinks/nats.js";
import * as redisStreams from "./events/sinks/redis-streams.js";
import * as root from "./index.js";
import * as custody from "./keys/custody/index.js";
import * as observability from "./observability/public.js";
import * as redis from "./storage/redis.js";
import * as sql from "./storage/sql.js";

it("exports a named list; a change here needs a changeset", () => {
  expect(Object.keys(root).toSorted()).toMatchInlineSnapshot(`
    [
      "createSegno",
      "developmentMailbox",
      "jsonLogger",
      "nodemailerTransport",
      "silentLogger",
    ]
  `);
  expect(Object.keys(audit).toSorted()).toEqual([
    "askWitness",
    "exportLog",
    "fileStorage",
    "findProof",
    "handOverEvidence",
    "openWitness",
    "parseTrustedKeys",
    "parseWitnessPolicy",
    "pemSigner",
    "readEvidence",
    "replaceEvidence",
    "verifyEvidence",
    "verifyLog",
    "verifyProof",
    "writeEvidence",
  ]);
  expect(Object.keys(custody).toSorted()).toEqual([
    "awsKmsRemote",
    "awsKmsWrapped",
    "azureKeyVaultRemote",
    "azureKeyVaultWrapped",
    "googleKmsRemote",
    "googleKmsWrapped",
    "vaultRemote",
    "vaultWrapped",
  ]);
  expect(Object.keys(events).toSorted()).toEqual([
    "analyticsUserId",
    "jsonLinesSink",
    "ocsfSink",
    "productAnalyticsSink",
    "verifyWebhook",
    "webhookSink",
  ]);
  expect(Object.keys(kafka)).toEqual(["kafkaSink"]);
  expect(Object.keys(nats)).toEqual(["natsSink"]);
  expect(Object.keys(redisStreams)).toEqual(["redisStreamSink"]);
  expect(Object.keys(observability).toSorted()).toEqual([
    "defaultSlos",
    "grafanaDashboard",
    "metricDefinitions",
    "openTelemetry",
    "openTelemetryLogs",
    "prometheusRules",
    "slowestStep",
  ]);
  expect(Object.keys(redis)).toEqual(["redis"]);
  expect(Object.keys(sql).toSorted()).toMatchInlineSnapshot(`
    [
      "postgres",
      "sqlite",
    ]
  `);
});
