// Ties the buttons marked data-passkey to allauth's passkey ceremony and says in words when it fails.
(() => {
  const ceremonies = { login: "loginForm", authenticate: "authenticateForm", add: "addForm" };
  const words = document.getElementById("passkey-words").dataset;
  let last = null;

  function say(button, text) {
    let line = button.parentElement.querySelector("[data-passkey-error]");
    if (!line) {
      line = document.createElement("p");
      line.className = "field-error";
      line.dataset.passkeyError = "";
      line.setAttribute("role", "alert");
      button.after(line);
    }
    line.textContent = text;
  }

  for (const button of document.querySelectorAll("[data-passkey]")) {
    if (!window.PublicKeyCredential) {
      button.disabled = true;
      say(button, words.unsupported);
      continue;
    }
    const kind = button.dataset.passkey;
    const ids = { [kind]: button.id, credential: button.dataset.credential, data: "js_data" };
    if (kind === "login") delete ids.data;
    if (button.dataset.passwordless) ids.passwordless = button.dataset.passwordless;
    window.allauth.webauthn.forms[ceremonies[kind]]({ ids });
    button.addEventListener("click", () => { last = button; });
  }

  document.addEventListener("allauth.error", (event) => {
    event.preventDefault();
    if (last) say(last, words.failed);
  });
})();
