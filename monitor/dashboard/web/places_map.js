// The map of `map.js` as an element of a page: its places change as they are told.
export default {
  template: "<div></div>",
  props: { places: Array, module: String, outline: String, words: Object },
  async mounted() {
    const { placesMap } = await import(this.module);
    if (this.gone) return;
    this.map = placesMap(this.$el, { words: this.words, outline: this.outline });
    this.map.show(this.places);
  },
  watch: {
    places(now) {
      this.map?.show(now);
    },
  },
  unmounted() {
    this.gone = true;
    this.map?.close();
  },
};
