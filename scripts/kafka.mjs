// A throw-away Kafka broker for the tests: one node in KRaft mode, its own ports and folder, nothing kept. The broker and
// what it needs come from Maven Central, once, into ~/.cache/segno. It is for tests and never shipped.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./postgres.mjs";
import { find, startProcess } from "./server-process.mjs";

const version = "3.9.1";
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "segno", `kafka-${version}`);
const project = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>segno.test</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${version}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
`;

/**
 * Starts a broker. What was acknowledged survives `kill` and `restart`.
 * @param {{ mayFetch: boolean }} options the first start fetches some 50 megabytes
 * @returns {Promise<({ address: string, port: number, version: string, stop: () => Promise<void> } & import("./server-process.mjs").ServerProcess) | { missing: string }>} `missing` says why there is none
 */
export async function startKafka({ mayFetch }) {
  const java = find("java");
  if (java === undefined) return { missing: "Kafka needs Java, which is not installed (java was not found)" };
  if (!existsSync(cache)) {
    const maven = find("mvn");
    if (maven === undefined) return { missing: "Kafka was not fetched, and Maven was not found to fetch it" };
    if (!mayFetch) return { missing: "Kafka was not fetched; SEGNO_REQUIRE_KAFKA=1 fetches it, once" };
    fetchJars(maven);
  }
  const folder = mkdtempSync(join(tmpdir(), "segno-kafka-"));
  const [port, controller] = [await freePort(), await freePort()];
  const settings = join(folder, "server.properties");
  writeFileSync(settings, propertiesOf({ port, controller, data: join(folder, "data") }));
  // started often and for a short while: less of an optimising compiler, one thread for garbage
  const options = ["-Xms64m", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", join(cache, "*")];
  options.push("-Dorg.slf4j.simpleLogger.defaultLogLevel=error");
  const clusterId = "c2Vnbm8tdGVzdC1rYWZrYQ";
  const format = ["kafka.tools.StorageTool", "format", "-t", clusterId, "-c", settings];
  execFileSync(java, [...options, ...format], { stdio: ["ignore", "ignore", "inherit"] });
  const args = [...options, "kafka.Kafka", settings];
  const broker = await startProcess({ name: "Kafka", bin: java, args, port, seconds: 60 });
  const stop = async () => {
    await broker.kill();
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  return { ...broker, address: `127.0.0.1:${port}`, port, version, stop };
}

function propertiesOf({ port, controller, data }) {
  const settings = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.quorum.voters": `1@127.0.0.1:${controller}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${port}`,
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "log.dirs": data,
    "auto.create.topics.enable": false,
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "group.initial.rebalance.delay.ms": 0,
    "log.cleaner.enable": false,
    // after a kill, the node that comes back waits until the one before it counts as gone
    "broker.session.timeout.ms": 1500,
    "broker.heartbeat.interval.ms": 300,
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}

/** Into a folder of its own first, so that a fetch that broke off leaves nothing behind. */
function fetchJars(maven) {
  console.log(`segno: fetching Kafka ${version} from Maven Central, once`);
  const made = `${cache}.${process.pid}`;
  const jars = join(made, "jars");
  mkdirSync(jars, { recursive: true });
  writeFileSync(join(made, "pom.xml"), project);
  const goal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";
  execFileSync(maven, ["-q", "-B", goal, `-DoutputDirectory=${jars}`, "-DincludeScope=runtime"], {
    cwd: made,
    stdio: ["ignore", "inherit", "inherit"],
    timeout: 600_000,
  });
  if (!existsSync(cache)) renameSync(jars, cache);
  rmSync(made, { recursive: true, force: true });
}
