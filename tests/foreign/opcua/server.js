// An OPC UA server by other hands: node-opcua with the companion specifications, and one machine.
//
//   node server.js PORT READY_FILE [PERIOD_MS]
//
// It counts every change of a value that it makes. The file READY_FILE appears when it is ready, and
// holds the URL. A line on standard input ends it; it then prints its counts as JSON.
"use strict";

const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const readline = require("node:readline");
const {
  DataType,
  OPCUACertificateManager,
  OPCUAServer,
  StatusCodes,
  Variant,
  VariantArrayType,
  standardUnits,
} = require("node-opcua");
const { nodesets } = require("node-opcua-nodesets");
const { addJobs } = require("./jobs.js");

const URI = "urn:example.org:mill";
const SAMPLING_MS = 50;
const PERIOD_MS = Number(process.argv[4] || 100);

async function main(port, readyFile) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "foreign-opcua-"));
  const server = new OPCUAServer({
    port,
    hostname: "127.0.0.1",
    serverCertificateManager: new OPCUACertificateManager({
      automaticallyAcceptUnknownCertificate: true,
      rootFolder: folder,
    }),
    nodeset_filename: [
      nodesets.standard,
      nodesets.di,
      nodesets.ia,
      nodesets.isa95JobControl,
      nodesets.machinery,
      nodesets.machineryResult,
      nodesets.machineryJobs,
      nodesets.packML,
      nodesets.machineTool,
    ],
    userManager: { isValidUser: (user, password) => user === "operator" && password === "secret" },
  });
  await server.initialize();
  const space = server.engine.addressSpace;
  const own = space.registerNamespace(URI);
  const counts = {};

  const machines = space.findNode(
    `ns=${space.getNamespaceIndex("http://opcfoundation.org/UA/Machinery/")};i=1001`,
  );
  const mill = own.addObject({ browseName: "Mill7", nodeId: "s=Mill7", organizedBy: machines });
  const monitoring = own.addObject({ browseName: "Monitoring", componentOf: mill });
  const production = own.addObject({ browseName: "Production", componentOf: mill });

  const speed = own.addAnalogDataItem({
    componentOf: monitoring,
    browseName: "SpindleSpeed",
    nodeId: "s=Mill7.SpindleSpeed",
    engineeringUnitsRange: { low: 0, high: 24000 },
    engineeringUnits: standardUnits.revolution_per_minute || {
      namespaceUri: "http://www.opcfoundation.org/UA/units/un/cefact",
      unitId: 5394509,
      displayName: { text: "r/min" },
      description: { text: "revolutions per minute" },
    },
    dataType: "Double",
    minimumSamplingInterval: 0,
  });
  const temperature = own.addAnalogDataItem({
    componentOf: monitoring,
    browseName: "Lagertemperatur",
    nodeId: "s=Mill7.Lagertemperatur",
    engineeringUnitsRange: { low: 0, high: 120 },
    engineeringUnits: standardUnits.degree_celsius,
    dataType: "Float",
    minimumSamplingInterval: 0,
  });
  const state = own.addMultiStateDiscrete({
    componentOf: mill,
    browseName: "State",
    nodeId: "s=Mill7.State",
    enumStrings: ["Stopped", "Idle", "Execute", "Aborted"],
    value: 1,
  });
  own.addMultiStateValueDiscrete({
    componentOf: mill,
    browseName: "OperatingMode",
    nodeId: "s=Mill7.OperatingMode",
    enumValues: [
      { displayName: "Manual", value: 1 },
      { displayName: "Automatic", value: 5 },
    ],
    value: 5,
  });
  const running = own.addTwoStateDiscrete({
    componentOf: mill,
    browseName: "Running",
    nodeId: "s=Mill7.Running",
    trueState: "läuft",
    falseState: "steht",
  });
  const parts = own.addVariable({
    componentOf: production,
    browseName: "PartCount",
    nodeId: "s=Mill7.PartCount",
    dataType: "UInt32",
    minimumSamplingInterval: 0,
  });
  const program = own.addVariable({
    componentOf: production,
    browseName: "ActiveProgram",
    nodeId: "s=Mill7.ActiveProgram",
    dataType: "String",
  });
  own.addAnalogDataItem({
    componentOf: mill,
    browseName: "FeedSetpoint",
    nodeId: "s=Mill7.FeedSetpoint",
    engineeringUnitsRange: { low: 10, high: 150 },
    engineeringUnits: standardUnits.percent,
    dataType: "Double",
    accessLevel: "CurrentRead | CurrentWrite",
    userAccessLevel: "CurrentRead | CurrentWrite",
    value: new Variant({ dataType: DataType.Double, value: 100 }),
  });
  own.addVariable({
    componentOf: monitoring,
    browseName: "Curve",
    nodeId: "s=Mill7.Curve",
    dataType: "Double",
    valueRank: 1,
    value: new Variant({
      dataType: DataType.Double,
      arrayType: VariantArrayType.Array,
      value: new Float64Array([1, 2, 3]),
    }),
  });
  own.addVariable({
    propertyOf: mill,
    browseName: "SerialNumber",
    nodeId: "s=Mill7.SerialNumber",
    dataType: "String",
    value: new Variant({ dataType: DataType.String, value: "4711" }),
  });

  // setValueFromSource takes the time itself, so each call with another value is one change.
  function set(name, variable, dataType, value, status) {
    variable.setValueFromSource({ dataType, value }, status || StatusCodes.Good, new Date());
    counts[name] = (counts[name] || 0) + 1;
  }
  set("Mill7.SpindleSpeed", speed, DataType.Double, 0);
  set("Mill7.Lagertemperatur", temperature, DataType.Float, 20);
  set("Mill7.PartCount", parts, DataType.UInt32, 0);
  set("Mill7.ActiveProgram", program, DataType.String, "O1001");
  set("Mill7.State", state, DataType.UInt32, 1);
  set("Mill7.Running", running, DataType.Boolean, false);
  await addJobs(space, own);
  await server.start();
  fs.writeFileSync(readyFile, `opc.tcp://127.0.0.1:${port}`);

  // The server samples by timers of 50 ms in this same loop. On a machine that has no time for them
  // the machine stands still as well: a change comes when the one before could be sampled.
  let tick = 0;
  let beats = 0;
  let changed = Date.now();
  const beat = setInterval(() => (beats += 1), SAMPLING_MS);
  const timer = setInterval(() => {
    if (beats < Math.floor(PERIOD_MS / SAMPLING_MS) || Date.now() - changed < PERIOD_MS - 2) return;
    beats = 0;
    changed = Date.now();
    tick += 1;
    set("Mill7.SpindleSpeed", speed, DataType.Double, 12000 + tick);
    set("Mill7.Lagertemperatur", temperature, DataType.Float, 40 + tick / 16,
      tick % 50 === 0 ? StatusCodes.BadSensorFailure : StatusCodes.Good);
    set("Mill7.PartCount", parts, DataType.UInt32, tick);
    if (tick % 20 === 0) {
      set("Mill7.ActiveProgram", program, DataType.String, `O${1001 + tick / 20}`);
      set("Mill7.State", state, DataType.UInt32, 1 + ((tick / 20) % 2));
      set("Mill7.Running", running, DataType.Boolean, (tick / 20) % 2 === 1);
    }
  }, 10);

  const lines = readline.createInterface({ input: process.stdin });
  lines.once("line", () => {
    clearInterval(timer);
    clearInterval(beat);
    // The last values must still be published before the counts are compared.
    setTimeout(() => process.stdout.write(`${JSON.stringify(counts)}\n`), 1500);
  });
  lines.once("close", async () => {
    clearInterval(timer);
    clearInterval(beat);
    await server.shutdown(0);
    fs.rmSync(folder, { recursive: true, force: true });
    process.exit(0);
  });
}

main(Number(process.argv[2]), process.argv[3]).catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
