// The page where a person tries a model.

import { call, element, start } from "./service.js";

const LABELS_WANTED = 5;

/** Route of each model: whether it takes texts and `top_k`, and an input of it. */
const choices = new Map();
let latest = 0;

async function begin() {
  const documentation = await (await call("/docs.json")).json();
  element("title").textContent = documentation.info.title;
  document.title = documentation.info.title;
  choices.clear();
  const select = element("model");
  select.replaceChildren();
  for (const [route, item] of Object.entries(documentation.paths)) {
    const operation = item.post;
    const model = operation?.["x-riverrun-model"];
    if (!model) continue;
    const topK = (operation.parameters ?? []).some((parameter) => parameter.name === "top_k");
    const content = operation.requestBody.content;
    const example = exampleOf(content["application/json"].schema.anyOf[0]);
    choices.set(route, { model, topK, text: "text/plain" in content, example });
    select.append(new Option(`${model} (${route})`, route));
  }
  offer();
  element("model-choice").hidden = choices.size < 2;
  element("send").disabled = choices.size === 0;
  element("status").textContent = choices.size ? "" : "This service has no model.";
}

/** An input as its schema has it. */
function exampleOf(schema) {
  if (schema.example !== undefined) return schema.example;
  const kinds = schema.oneOf ?? schema.anyOf;
  if (kinds) return exampleOf(kinds.find((kind) => kind.example !== undefined || kind.properties) ?? kinds[0]);
  if (schema.properties) {
    const wanted = schema.required ?? Object.keys(schema.properties);
    return Object.fromEntries(wanted.map((name) => [name, exampleOf(schema.properties[name])]));
  }
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === "array") return schema.items ? [exampleOf(schema.items)] : [];
  return { string: "text", number: 0.5, integer: 1, boolean: true, object: {} }[type] ?? null;
}

/** Has the box say what the chosen model takes. */
function offer() {
  const choice = choices.get(element("model").value);
  if (!choice) return;
  element("text-label").textContent = choice.text ? "Text" : "Input in JSON";
  element("text").placeholder = choice.text ? "Type a text" : "";
  element("text").value = choice.text ? "" : JSON.stringify(choice.example, null, 1);
}

async function ask() {
  const route = element("model").value;
  const choice = choices.get(route);
  if (!choice) return;
  const mine = ++latest;
  const status = element("status");
  status.textContent = "Asking…";
  element("answer").hidden = true;
  const query = choice.topK ? `?top_k=${LABELS_WANTED}` : "";
  try {
    const response = await call(route + query, {
      method: "POST",
      headers: {
        "content-type": choice.text ? "text/plain; charset=utf-8" : "application/json",
        accept: "application/json",
      },
      body: element("text").value,
    });
    const answer = await response.json();
    // The answer to an older question would only confuse.
    if (mine !== latest) return;
    show(answer, response.headers);
    status.textContent = "";
  } catch (error) {
    if (mine === latest) status.textContent = error.message;
  }
}

function show(answer, headers) {
  const list = element("labels");
  const json = element("json");
  const isLabels = Array.isArray(answer) && answer.length > 0
    && answer.every((item) => typeof item?.label === "string" && typeof item?.score === "number");
  list.hidden = !isLabels;
  json.hidden = isLabels;
  if (isLabels) list.replaceChildren(...answer.map(bar));
  else json.textContent = JSON.stringify(answer, null, 2);
  const timing = headers.get("server-timing");
  const computed = /compute;dur=([\d.]+)/.exec(timing ?? "")?.[1];
  element("made").textContent = [headers.get("x-model"), computed && `${computed} ms`].filter(Boolean).join(" · ");
  element("answer").hidden = false;
}

function bar({ label, score }) {
  const item = document.createElement("li");
  const name = document.createElement("span");
  name.textContent = label;
  const value = document.createElement("span");
  value.className = "score";
  const meter = document.createElement("meter");
  // Scores of a regression are no shares; they stand without a bar.
  if (score >= 0 && score <= 1) {
    meter.value = score;
    meter.setAttribute("aria-label", label);
    value.textContent = `${(score * 100).toFixed(1)} %`;
  } else {
    meter.hidden = true;
    value.textContent = score.toPrecision(4);
  }
  item.append(name, meter, value);
  return item;
}

element("model").addEventListener("change", offer);
element("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});
element("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    ask();
  }
});
start(begin);
