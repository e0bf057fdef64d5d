// Calls to the service, with a token where it asks for one.

const KEY = "riverrun-token";

export function element(id) {
  return document.getElementById(id);
}

/** Fetches from this service; an answer that is an error becomes an exception with the service's own message. */
export async function call(path, options = {}) {
  const headers = new Headers(options.headers);
  const token = sessionStorage.getItem(KEY);
  if (token) headers.set("authorization", `Bearer ${token}`);
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch {
    throw new Error("The service does not answer.");
  }
  if (response.ok) return response;
  let message = `${response.status} ${response.statusText}`;
  try {
    message = (await response.json()).error.message;
  } catch {
    // Not the service's own form: a proxy in between, most likely.
  }
  const error = new Error(message);
  error.status = response.status;
  throw error;
}

/** Runs `begin`; where the service wants a token, asks for it and tries again. */
export async function start(begin) {
  const form = element("token-form");
  const status = element("status");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem(KEY, element("token").value);
    attempt();
  });
  async function attempt() {
    form.hidden = true;
    try {
      await begin();
    } catch (error) {
      if (error.status === 401) {
        form.hidden = false;
        element("token").focus();
      }
      status.textContent = error.message;
    }
  }
  await attempt();
}
