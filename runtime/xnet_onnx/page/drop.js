// Files fall anywhere on the page. A browser gives them to a file input by itself, but not to one inside a
// shadow tree, where Bokeh draws everything.
const fileInput = root => {
  for (const element of root.querySelectorAll("*")) {
    const found = element.type === "file" ? element : element.shadowRoot && fileInput(element.shadowRoot)
    if (found) return found
  }
}
const refuse = text => {
  document.getElementById("refused").textContent = text
}
const fits = files => {
  // More would break the connection before the program could say so.
  const large = Array.from(files).reduce((sum, file) => sum + file.size, 0) > MAX_BYTES
  refuse(large ? `That is more than ${MAX_BYTES / 2 ** 20} MB at once: drop fewer files` : "")
  return !large
}
document.addEventListener("dragover", event => event.preventDefault())
document.addEventListener("drop", event => {
  event.preventDefault()
  const held = new DataTransfer()
  for (const item of event.dataTransfer.items) {
    if (item.webkitGetAsEntry()?.isFile) held.items.add(item.getAsFile())
  }
  const input = fileInput(document)
  if (!held.files.length) refuse("Drop files, not folders")
  else if (input && fits(held.files)) {
    input.files = held.files
    input.dispatchEvent(new Event("change", {bubbles: true}))
  }
})
document.addEventListener("input", event => {
  const input = event.composedPath()[0]
  if (input.type === "file" && !fits(input.files)) input.value = ""
}, true)
