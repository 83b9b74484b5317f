// Says so when a request in the background failed, or when the session has ended: what is written stays on the page,
// and is sent when its writer has signed in again in another tab.
(() => {
  const box = document.getElementById("notices");

  function say(text) {
    if (!box || [...box.children].some((child) => child.dataset.text === text)) return;
    const notice = document.createElement("div");
    notice.className = "alert alert-danger split";
    notice.dataset.text = text;
    notice.append(text);
    const close = document.createElement("button");
    close.type = "button";
    close.className = "btn btn-s";
    close.textContent = box.dataset.close;
    close.addEventListener("click", () => notice.remove());
    notice.append(close);
    box.append(notice);
  }

  const on = (name, act) => document.addEventListener(name, act);
  const ended = document.getElementById("session-ended");

  on("htmx:responseError", ({ detail: { xhr } }) => {
    if (ended?.hidden !== false) say(box.dataset[xhr.status] || box.dataset.failed);
  });
  on("htmx:sendError", () => say(box.dataset.offline));
  on("htmx:timeout", () => say(box.dataset.offline));
  on("htmx:beforeSwap", ({ detail }) => {
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
