// The ids that transformers.js gives to texts, by folder, without special tokens and with them:
// {"folders": [...], "texts": [...]} -> {folder: {"plain": [[id]], "special": [[id]], "decoded": [text]}}
import { AutoTokenizer, env } from "@huggingface/transformers";
import { readFileSync } from "node:fs";
import { basename, dirname } from "node:path";

const asked = JSON.parse(readFileSync(0, "utf8"));
const found = {};
env.allowRemoteModels = false;
for (const folder of asked.folders) {
  env.localModelPath = dirname(folder);
  const tokenizer = await AutoTokenizer.from_pretrained(basename(folder));
  const encoded = (special) => asked.texts.map((text) => tokenizer.encode(text, { add_special_tokens: special }));
  const plain = encoded(false);
  const decoded = plain.map((ids) => (ids.length ? tokenizer.decode(ids, { skip_special_tokens: false }) : ""));
  found[folder] = { plain, special: encoded(true), decoded };
}
process.stdout.write(JSON.stringify(found));
