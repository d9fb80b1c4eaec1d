"""One self-contained HTML page of a run: elements that escape their text, a palette, vector pictures, sections, and the page itself."""
