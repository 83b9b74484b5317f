/* The article editor: the field for the Japanese version shows for English articles only. */
(() => {
  const language = document.getElementById("id_language");
  const parts = document.querySelectorAll("[data-only-language]");
  if (!language) return;
  const show = () => parts.forEach((part) => { part.hidden = part.dataset.onlyLanguage !== language.value; });
  language.addEventListener("change", show);
  window.addEventListener("pageshow", show);
  show();
})();
