// Django's inline tables and split date fields have no labels for screen readers; they get them from what is seen beside them.
(() => {
  const fields = "input:not([type=hidden]), select, textarea";

  function name(field, text) {
    if (!field.labels?.length && !field.hasAttribute("aria-label") && text) field.setAttribute("aria-label", text.trim());
  }

  function nameAll(root) {
    for (const cell of root.querySelectorAll(".tabular td")) {
      const head = cell.closest("table").tHead?.rows[0]?.cells[cell.cellIndex];
      for (const field of cell.querySelectorAll(fields)) name(field, head?.textContent);
    }
    for (const row of root.querySelectorAll(".form-row")) {
      const label = row.querySelector("label, legend")?.textContent.replace(/:\s*$/, "");
      for (const field of row.querySelectorAll(fields)) {
        const before = field.previousSibling?.textContent?.replace(/:\s*$/, "") ?? "";
        name(field, `${label ?? ""} ${before}`);
      }
    }
  }

  nameAll(document);
  document.addEventListener("formset:added", (event) => nameAll(event.target.closest("table, .inline-group") ?? document));
})();
