// The documentation, from the service's OpenAPI document.

import { call, element, start } from "./service.js";

const ORDER = ["models", "endpoints", "Open Inference Protocol", "health"];

let documentation = {};

function make(tag, content, attributes = {}) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...[content].flat().filter((part) => part !== undefined && part !== ""));
  return made;
}

/** A text in which `code` stands between backticks. */
function prose(text) {
  const paragraphs = (text ?? "").split("\n\n").filter(Boolean);
  return paragraphs.map((paragraph) =>
    make("p", paragraph.split("`").map((part, index) => (index % 2 ? make("code", part) : part))));
}

function resolve(value) {
  if (!value?.$ref) return value;
  return value.$ref.replace("#/", "").split("/").reduce((found, name) => found?.[name], documentation) ?? value;
}

function content(kinds) {
  return Object.entries(kinds ?? {}).map(([kind, { schema }]) => {
    const resolved = resolve(schema);
    const summary = make("summary", make("code", kind));
    return make("details", [summary, make("pre", JSON.stringify(resolved, null, 2))]);
  });
}

function example(method, path, operation) {
  const kinds = operation.requestBody?.content;
  const secured = (operation.security ?? documentation.security ?? []).length > 0;
  const parts = [`curl ${location.origin}${path}`];
  if (secured) parts.push("-H 'Authorization: Bearer TOKEN'");
  if (kinds) {
    const known = Object.entries(kinds);
    const [kind, { example: given }] = known.find(([, { example }]) => example !== undefined) ?? known[0];
    const isText = kind === "application/json" || kind.startsWith("text/");
    const body = given ?? (kind === "application/json" ? {} : "a text");
    const written = typeof body === "string" ? body.trimEnd() : JSON.stringify(body);
    parts.push(`-H 'Content-Type: ${kind}'`, isText ? `--data-binary '${written}'` : "--data-binary @FILE");
  } else if (method !== "get") {
    parts.push(`-X ${method.toUpperCase()}`);
  }
  return make("pre", parts.join(" \\\n  "));
}

function parameters(all) {
  if (!all.length) return undefined;
  const rows = all.map((parameter) =>
    make("li", [make("code", parameter.name), ` (${parameter.in}${parameter.required ? "" : ", optional"}) `,
      parameter.description ?? ""]));
  return make("div", [make("h4", "Parameters"), make("ul", rows)]);
}

function responses(all) {
  const rows = Object.entries(all).map(([status, response]) => {
    const { description, content: kinds } = resolve(response);
    return make("li", [make("strong", status), " ", ...prose(description).map((p) => make("span", [...p.childNodes])),
      ...(status.startsWith("2") ? content(kinds) : [])]);
  });
  return make("div", [make("h4", "Answers"), make("ul", rows)]);
}

function operation(path, method, described, shared) {
  const summary = make("summary", [
    make("span", method.toUpperCase(), { class: `method ${method}` }), " ", make("code", path), " ",
    make("span", described.summary ?? "", { class: "hint" }),
  ]);
  const body = described.requestBody
    ? make("div", [make("h4", "Body"), ...content(described.requestBody.content)])
    : undefined;
  const parts = [
    summary, ...prose(described.description), example(method, path, described),
    parameters([...shared, ...(described.parameters ?? [])].map(resolve)), body, responses(described.responses),
  ];
  return make("details", parts, { class: "operation" });
}

async function begin() {
  documentation = await (await call("/docs.json")).json();
  const { title, version, description } = documentation.info;
  element("title").textContent = title;
  document.title = `Documentation · ${title}`;
  element("about").replaceChildren(...prose(description), make("p", `Riverrun ${version}`, { class: "hint" }));
  const groups = new Map(ORDER.map((name) => [name, []]));
  for (const [path, item] of Object.entries(documentation.paths)) {
    for (const [method, described] of Object.entries(item)) {
      if (!["get", "post", "put", "patch", "delete"].includes(method)) continue;
      const group = described.tags?.[0] ?? "other";
      if (!groups.has(group)) groups.set(group, []);
      groups.get(group).push(operation(path, method, described, item.parameters ?? []));
    }
  }
  const sections = [...groups].filter(([, operations]) => operations.length).map(([name, operations]) =>
    make("section", [make("h2", name[0].toUpperCase() + name.slice(1)), ...operations]));
  element("operations").replaceChildren(...sections);
  element("status").textContent = "";
}

start(begin);
