// Says so when a request in the background failed, or when the session has ended: what is written stays on the page,
// and is sent when its writer has signed in again in another tab.
(() => {
  const box = document.getElementById("notices");

  function say(text) {
    if (box.textContent.includes(text)) return;
    const notice = document.createElement("div");
    notice.className = "alert alert-danger split";
    const close = document.createElement("button");
    close.className = "btn btn-s";
    close.textContent = box.dataset.close;
    close.onclick = () => notice.remove();
    notice.append(text, close);
    box.append(notice);
  }

  const on = (name, act) => document.addEventListener(name, act);
  const ended = document.getElementById("session-ended");
  const offline = () => say(box.dataset.offline);

  on("htmx:responseError", ({ detail: { xhr } }) => {
    if (ended?.hidden !== false) say(box.dataset[xhr.status] || box.dataset.failed);
  });
  on("htmx:sendError", offline);
  on("htmx:timeout", offline);
  // Something works again, and the notice stands before what is being written. Only a draft that is saved by itself says
  // nothing of what its writer asked for.
  on("htmx:afterRequest", ({ detail }) => {
    if (!detail.successful || detail.target.id === "draft-state") return;
    for (const notice of box.querySelectorAll("div:not([id])")) notice.remove();
  });
  on("htmx:beforeSwap", ({ detail }) => {
    detail.ignoreTitle = !detail.target.isConnected;  // a late answer for what is gone
    if (!detail.xhr.responseURL.includes(document.body.dataset.loginUrl)) return;
    detail.shouldSwap = ended.hidden = false;
    detail.isError = true;  // nothing was saved
  });
  // Signed in again in another tab: with the new token the forms of this page may be sent.
  addEventListener("focus", () => {
    const token = document.cookie.split("csrftoken=")[1]?.slice(0, 32);
    for (const field of document.getElementsByName("csrfmiddlewaretoken")) field.value = token;
    if (ended) ended.hidden = true;
  });
})();
