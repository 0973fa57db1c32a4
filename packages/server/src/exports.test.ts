import { expect, it } from "vitest";
import * as root from "./index.js";
import * as custody from "./keys/custody/index.js";
import * as redis from "./storage/redis.js";
import * as sql from "./storage/sql.js";

it("exports a named list; a change here needs a changeset", () => {
  expect(Object.keys(root).toSorted()).toMatchInlineSnapshot(`
    [
      "createSegno",
      "developmentMailbox",
      "nodemailerTransport",
      "silentLogger",
    ]
  `);
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
  expect(Object.keys(redis)).toEqual(["redis"]);
  expect(Object.keys(sql).toSorted()).toMatchInlineSnapshot(`
    [
      "postgres",
      "sqlite",
    ]
  `);
});
