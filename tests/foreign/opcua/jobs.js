// ISA-95 Job Control from the nodeset of the OPC Foundation: a receiver that stores, updates, starts
// and cancels job orders, and a provider of responses. Numbers of states as in OPC 10031-4.
"use strict";

const { DataType, StatusCodes, Variant, VariantArrayType, ensureDatatypeExtracted } = require("node-opcua");

const URI = "http://opcfoundation.org/UA/ISA95-JOBCONTROL_V2/";
const STATES = ["", "NotAllowedToStart", "AllowedToStart", "Running"];

async function addJobs(space, own) {
  await ensureDatatypeExtracted(space);
  const index = space.getNamespaceIndex(URI);
  const type = (name) => space.findDataType(name, index);
  const parent = own.addObject({ browseName: "Jobs7", nodeId: "s=Jobs7", organizedBy: space.rootFolder.objects });
  const methods = ["Store", "StoreAndStart", "Update", "Cancel"];
  const receiver = space.findObjectType("ISA95JobOrderReceiverObjectType", index).instantiate({
    browseName: "JobOrderControl", componentOf: parent, optionals: methods, namespace: own,
  });
  const provider = space.findObjectType("ISA95JobResponseProviderObjectType", index).instantiate({
    browseName: "JobOrderResults", componentOf: parent, namespace: own,
  });
  const jobs = new Map();
  const listed = receiver.getComponentByName("JobOrderList");
  const state = (number) => [
    space.constructExtensionObject(type("ISA95StateDataType"), {
      browsePath: {}, stateText: { text: STATES[number] }, stateNumber: number,
    }),
  ];
  const publish = () =>
    listed.setValueFromSource({
      dataType: DataType.ExtensionObject,
      arrayType: VariantArrayType.Array,
      value: [...jobs.values()].map((job) =>
        space.constructExtensionObject(type("ISA95JobOrderAndStateDataType"), {
          jobOrder: job.order, state: state(job.state),
        }),
      ),
    });
  publish();
  const returned = (bits) => 
    new Variant({ dataType: DataType.UInt64, arrayType: VariantArrayType.Scalar, value: [0, bits] });
  // A business failure is Uncertain, not Bad: the bits say what it was.
  const answer = (callback, bits) =>
    callback(null, {
      statusCode: bits === 1 ? StatusCodes.Good : StatusCodes.Uncertain, outputArguments: [returned(bits)],
    });
  for (const name of methods) {
    receiver.getMethodByName(name).bindMethod((inputs, _context, callback) => {
      if (name === "Cancel") {
        const known = jobs.get(inputs[0].value);
        if (known && known.state < 3) jobs.delete(inputs[0].value);
        publish();
        return answer(callback, !known ? 2 : known.state < 3 ? 1 : 8);
      }
      const order = inputs[0].value;
      const known = jobs.get(order.jobOrderID);
      if ((name === "Update") !== Boolean(known)) return answer(callback, known ? 16 : 2);
      if (order.workMasterID[0].ID === "unknown") return answer(callback, 16);
      if (known && known.state > 2) return answer(callback, 8);
      jobs.set(order.jobOrderID, { order, state: known ? known.state : name === "Store" ? 1 : 3 });
      publish();
      return answer(callback, 1);
    });
  }
  provider.getMethodByName("RequestJobResponseByJobOrderID").bindMethod((inputs, _context, callback) => {
    const job = jobs.get(inputs[0].value);
    const made = {
      jobResponseID: "r", jobOrderID: inputs[0].value, jobState: job ? state(job.state) : [],
      startTime: new Date(Date.UTC(2026, 2, 1, 6)),
      materialActuals: [
        space.constructExtensionObject(type("ISA95MaterialDataType"), {
          materialUse: "Material Produced", quantity: job ? job.order.materialRequirements[0].quantity : "0",
        }),
      ],
    };
    const value = space.constructExtensionObject(type("ISA95JobResponseDataType"), made);
    callback(null, {
      statusCode: StatusCodes.Good,
      outputArguments: [new Variant({ dataType: DataType.ExtensionObject, value }), returned(job ? 1 : 2)],
    });
  });
}

module.exports = { addJobs };
