// Every outlet as a small field: letter and colour of its state, a link to its station. Only what changes is told.
export default {
  template: "<div></div>",
  props: { cells: Array, letters: Object },
  mounted() {
    this.draw();
  },
  watch: {
    cells() {
      this.draw();
    },
  },
  methods: {
    draw() {
      this.fields = this.cells.map(([name, family]) => {
        const field = document.createElement("a");
        field.href = `/stations/${encodeURIComponent(name.slice(0, name.lastIndexOf("/")))}`;
        field.title = name;
        field.setAttribute("aria-label", name);
        this.dress(field, family);
        return field;
      });
      this.$el.replaceChildren(...this.fields);
    },
    change(changes) {
      for (const [place, family] of changes) this.dress(this.fields[place], family);
    },
    dress(field, family) {
      field.className = `state ${family}`;
      field.textContent = this.letters[family];
    },
  },
};
