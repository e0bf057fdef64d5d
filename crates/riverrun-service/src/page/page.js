// The page where a person tries a model, or a function of the service.

import { call, element, start } from "./service.js";

const LABELS_WANTED = 5;

/** What each route takes: a text, JSON or a file, and an example of it. */
const choices = new Map();
let latest = 0;

async function begin() {
  const documentation = await (await call("/docs.json")).json();
  element("title").textContent = documentation.info.title;
  document.title = documentation.info.title;
  choices.clear();
  const select = element("route");
  select.replaceChildren();
  for (const [route, item] of Object.entries(documentation.paths)) {
    const operation = item.post;
    const model = operation?.["x-riverrun-model"];
    const taken = model || operation?.tags?.includes("endpoints") ? taking(operation) : undefined;
    if (!taken) continue;
    const topK = (operation.parameters ?? []).some((parameter) => parameter.name === "top_k");
    choices.set(route, { ...taken, topK });
    select.append(new Option(`${model ?? operation.summary} (${route})`, route));
  }
  offer();
  element("route-choice").hidden = choices.size < 2;
  element("send").disabled = choices.size === 0;
  element("status").textContent = choices.size ? "" : "This service has nothing that can be tried here.";
}

/** How a person can give what an operation takes; nothing for forms. */
function taking(operation) {
  const content = operation.requestBody?.content ?? {};
  const images = Object.keys(content).filter((kind) => kind.startsWith("image/"));
  if (images.length) return { kind: "file", accept: images.join(",") };
  if ("text/plain" in content) return { kind: "text", type: "text/plain; charset=utf-8" };
  const json = content["application/json"];
  if (json) {
    const example = json.example ?? exampleOf(json.schema.anyOf?.[0] ?? json.schema);
    return { kind: "json", type: "application/json", example };
  }
  const files = Object.keys(content).filter((kind) => !kind.startsWith("multipart/"));
  return files.length ? { kind: "file", accept: files.filter((kind) => kind !== "*/*").join(",") } : undefined;
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

/** Has the form ask for what the chosen route takes. */
function offer() {
  const choice = choices.get(element("route").value);
  if (!choice) return;
  const isFile = choice.kind === "file";
  element("text").hidden = isFile;
  element("file").hidden = !isFile;
  element("file").accept = choice.accept ?? "";
  element("input-label").htmlFor = isFile ? "file" : "text";
  element("input-label").textContent = { text: "Text", json: "Input in JSON", file: "File" }[choice.kind];
  element("text").placeholder = choice.kind === "text" ? "Type a text" : "";
  element("text").value = choice.kind === "json" ? JSON.stringify(choice.example, null, 1) : "";
}

async function ask() {
  const route = element("route").value;
  const choice = choices.get(route);
  if (!choice) return;
  const file = choice.kind === "file" ? element("file").files[0] : undefined;
  const status = element("status");
  if (choice.kind === "file" && !file) {
    status.textContent = "Choose a file first.";
    return;
  }
  const mine = ++latest;
  status.textContent = "Asking…";
  element("answer").hidden = true;
  const query = choice.topK ? `?top_k=${LABELS_WANTED}` : "";
  try {
    const response = await call(route + query, {
      method: "POST",
      headers: {
        "content-type": choice.type ?? (file.type || "application/octet-stream"),
        accept: "application/json, */*;q=0.5",
      },
      body: file ?? element("text").value,
    });
    const answer = await answerOf(response);
    // The answer to an older question would only confuse.
    if (mine !== latest) return;
    show(answer, response.headers);
    status.textContent = "";
  } catch (error) {
    if (mine === latest) status.textContent = error.message;
  }
}

async function answerOf(response) {
  const type = response.headers.get("content-type") ?? "";
  if (/[/+]json\b/.test(type)) return { json: await response.json() };
  if (type.startsWith("text/")) return { text: await response.text() };
  const body = await response.blob();
  return type.startsWith("image/") ? { image: body } : { text: `${body.size} bytes of ${type || "an unknown kind"}` };
}

function show({ json, text, image }, headers) {
  const isLabels = Array.isArray(json) && json.length > 0
    && json.every((item) => typeof item?.label === "string" && typeof item?.score === "number");
  element("labels").hidden = !isLabels;
  element("text-answer").hidden = isLabels || image !== undefined;
  element("image").hidden = image === undefined;
  URL.revokeObjectURL(element("image").src);
  if (isLabels) element("labels").replaceChildren(...json.map(bar));
  else if (image) element("image").src = URL.createObjectURL(image);
  else element("text-answer").textContent = text ?? JSON.stringify(json, null, 2);
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

element("route").addEventListener("change", offer);
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
