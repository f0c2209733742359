// Elements of the server as the browser shows them: their numbers in its own locale, and drawn without Dash's part in
// each of them.
(function () {
  "use strict";

  // --- Numbers ---------------------------------------------------------------------------------------------------
  const formats = {};

  function told(value, digits) {
    formats[digits] = formats[digits] || new Intl.NumberFormat(undefined, {
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
      signDisplay: "negative",
    });
    return formats[digits].format(value).replace("-", "−");
  }

  function sentenceOf(props) {
    return props["data-numbers"].reduce(
      (sentence, number) => sentence.replace("{" + number[0] + "}", told(number[1], number[2])), props["data-sentence"]);
  }

  // The properties of an element, its sentence with the numbers in it.
  function localised(props) {
    const own = Object.assign({}, props);
    if (own["data-sentence"]) {
      own.children = sentenceOf(own);
      delete own["data-sentence"];
      delete own["data-numbers"];
    }
    return own;
  }

  // Elements that Dash draws.
  function inOwnLocale(element) {
    if (Array.isArray(element)) {
      return element.map(inOwnLocale);
    }
    if (!element || !element.props) {
      return element;
    }
    const props = localised(element.props);
    props.children = inOwnLocale(props.children);
    return Object.assign({}, element, { props: props });
  }

  // --- Drawing ---------------------------------------------------------------------------------------------------
  // React's element of an element of html. `tell` answers what an element has beside its own properties.
  function draw(element, tell) {
    if (element === null || element === undefined || typeof element !== "object") {
      return element;
    }
    if (Array.isArray(element)) {
      return window.React.createElement(window.React.Fragment, null, ...element.map((each) => draw(each, tell)));
    }
    const props = localised(element.props);
    const children = Object.assign(props, tell ? tell(props) : {}).children;
    delete props.children;
    const inside = (Array.isArray(children) ? children : [children]).map((child) => draw(child, tell));
    return window.React.createElement(element.type.toLowerCase(), props, ...inside);
  }

  function Plain(props) {
    return window.React.createElement("div", { id: props.id, className: props.className }, draw(props.content));
  }

  window.ct6Plain = { draw: draw, inOwnLocale: inOwnLocale };
  window.ct6_components = Object.assign(window.ct6_components || {}, { Plain: Plain });
})();
