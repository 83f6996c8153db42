// What a client in JavaScript gets from a server: fetch and @grpc/grpc-js, with messages made from the protocol's descriptors.
//
// Reads {"http", "grpc", "descriptors", "rows"} from standard input and writes what came of each step as one JSON object.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const given = JSON.parse(readFileSync(0, "utf8"));
const told = {};

// Over HTTP.

async function over(step, path, body, headers = {}) {
  const answer = await fetch(`http://${given.http}${path}`, body === undefined ? {} : { method: "POST", body, headers });
  told[step] = { status: answer.status, answer: JSON.parse((await answer.text()) || "null") };
}

const tensor = (name, datatype, shape, data) => ({ name, datatype, shape, data });
const texts = (...all) => Buffer.concat(all.flatMap((text) => {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return [length, bytes];
}));

// 64-bit integers have no number in JavaScript: they are put into the text as they are.
const small = JSON.stringify({
  inputs: [
    tensor("x", "FP32", [1, 3], [1, -2.5, 3]),
    tensor("s", "BYTES", [1, 3], ["a", "é", ""]),
    tensor("n", "INT64", [1, 3], [1, "MOST", "LEAST"]),
  ],
}).replace('"MOST"', "9223372036854775807").replace('"LEAST"', "-9223372036854775808");

function raw(rows) {
  const numbers = Array.from({ length: 3 * rows }, (_, i) => i);
  return {
    x: Buffer.from(Float32Array.from(numbers).buffer),
    s: texts(...numbers.map(String)),
    n: Buffer.from(BigInt64Array.from(numbers, BigInt).buffer),
  };
}

async function inBinary(rows) {
  const parts = raw(rows);
  const inputs = [["x", "FP32"], ["s", "BYTES"], ["n", "INT64"]].map(([name, datatype]) => ({
    name, datatype, shape: [rows, 3], parameters: { binary_data_size: parts[name].length },
  }));
  const head = Buffer.from(JSON.stringify({ inputs, parameters: { binary_data_output: true } }));
  const data = Buffer.concat([parts.x, parts.s, parts.n]);
  const answer = await fetch(`http://${given.http}/v2/models/m/infer`, {
    method: "POST", body: Buffer.concat([head, data]), headers: { "Inference-Header-Content-Length": `${head.length}` },
  });
  const body = Buffer.from(await answer.arrayBuffer());
  const length = Number(answer.headers.get("Inference-Header-Content-Length"));
  told["http binary"] = { status: answer.status, same: body.subarray(length).equals(data) };
}

await over("http ready", "/v2/health/ready");
await over("http metadata", "/v2/models/m");
await over("http json", "/v2/models/m/infer", small);
await over("http gzip", "/v2/models/m/infer", gzipSync(small), { "Content-Encoding": "gzip" });
await inBinary(given.rows);
await over("http unknown model", "/v2/models/nobody/infer", small);
await over("http wrong shape", "/v2/models/m/infer", small.replace("[1,3],\"data\":[1,-2.5,3]", "[1,2],\"data\":[1,2]"));

// Over gRPC.

const definition = loader.loadFileDescriptorSetFromBuffer(readFileSync(given.descriptors), { keepCase: true, longs: String });
const { GRPCInferenceService } = grpc.loadPackageDefinition(definition).inference;
const client = new GRPCInferenceService(given.grpc, grpc.credentials.createInsecure());
const call = (method, question) => new Promise((resolve) => {
  client[method](question, (error, answer) => resolve(error ? { code: grpc.status[error.code], message: error.details } : answer));
});
const input = (name, datatype, rows, contents) => ({ name, datatype, shape: [rows, 3], ...(contents && { contents }) });
const contents = (model_name) => ({
  model_name,
  inputs: [
    input("x", "FP32", 1, { fp32_contents: [1, -2.5, 3] }),
    input("s", "BYTES", 1, { bytes_contents: ["a", "é", ""].map((text) => Buffer.from(text)) }),
    input("n", "INT64", 1, { int64_contents: ["1", "9223372036854775807", "-9223372036854775808"] }),
  ],
});
const inRaw = (rows) => ({
  model_name: "m", raw_input_contents: Object.values(raw(rows)),
  inputs: [input("x", "FP32", rows), input("s", "BYTES", rows), input("n", "INT64", rows)],
});

told["grpc ready"] = await call("ModelReady", { name: "m" });
told["grpc metadata"] = await call("ModelMetadata", { name: "m" });
const answer = await call("ModelInfer", contents("m"));
const data = answer.outputs.map(({ name, contents: { fp32_contents, bytes_contents, int64_contents } }) => [
  name, fp32_contents ?? int64_contents ?? bytes_contents.map(String),
]);
told["grpc contents"] = { version: answer.model_version, data: Object.fromEntries(data) };
const large = await call("ModelInfer", inRaw(given.rows));
told["grpc raw"] = { same: Buffer.concat(large.raw_output_contents).equals(Buffer.concat(Object.values(raw(given.rows)))) };
told["grpc unknown model"] = await call("ModelInfer", contents("nobody"));
told["grpc wrong inputs"] = await call("ModelInfer", { ...inRaw(1), raw_input_contents: Object.values(raw(1)).slice(0, 2) });
console.log(JSON.stringify(told));
client.close();
