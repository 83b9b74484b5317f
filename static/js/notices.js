// Says so when a request in the background failed, and goes to the sign-in page when the session has ended.
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

  document.addEventListener("htmx:responseError", () => say(box.dataset.failed));
  document.addEventListener("htmx:sendError", () => say(box.dataset.offline));
  document.addEventListener("htmx:timeout", () => say(box.dataset.offline));
  document.addEventListener("htmx:beforeSwap", (event) => {
    const login = document.body.dataset.loginUrl;
    const answered = event.detail.xhr.responseURL;
    if (login && answered && new URL(answered).pathname === login) {
      event.detail.shouldSwap = false;
      location.assign(`${login}?next=${encodeURIComponent(location.pathname + location.search)}`);
    }
  });
})();
