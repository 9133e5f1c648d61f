// The ids that llama.cpp gives to texts, by file, special tokens as text and parsed:
// {"files": [...], "texts": [...]} -> {file: {"text": [[id]], "parse": [[id]], "eos": id, "bos": id}}
import { readFileSync } from "node:fs";
import { getLlama } from "node-llama-cpp";

const asked = JSON.parse(readFileSync(0, "utf8"));
const llama = await getLlama({ gpu: false, build: "never", logLevel: "disabled", progressLogs: false });
const found = {};
for (const modelPath of asked.files) {
  const model = await llama.loadModel({ modelPath, vocabOnly: true });
  const encoded = (parsed) => asked.texts.map((text) => Array.from(model.tokenize(text, parsed)));
  found[modelPath] = { text: encoded(false), parse: encoded(true), bos: model.tokens.bos, eos: model.tokens.eos };
  await model.dispose();
}
process.stdout.write(JSON.stringify(found), () => process.exit(0));
