// Fields that are typed key by key: an answer of the server that comes between two keys changes nothing in them, and
// what is not whole when the field is left is taken back.
(function () {
  "use strict";

  // Mantine's field of this name.
  function holding(name, isWhole) {
    return function (props) {
      const React = window.React;
      const [typed, setTyped] = React.useState(null);
      const place = React.useRef(null);
      const forget = () => setTyped(null);
      React.useEffect(function () {
        window.addEventListener("popstate", forget); // the address says another value
        return () => window.removeEventListener("popstate", forget);
      }, []);

      React.useEffect(function () {
        if (typed !== null && !place.current.contains(document.activeElement)) {
          forget(); // it was left before Mantine said what had been typed
        }
      }, [typed]);

      const value = typed === null ? props.value : typed;
      const field = Object.assign({}, props, {
        value: value,
        // Mantine also says again what it was told.
        setProps: function (changed) {
          if (!("value" in changed) || changed.value === value) {
            return;
          }
          setTyped(changed.value);
          if (isWhole(changed.value)) {
            props.setProps({ value: changed.value });
          }
        },
      });
      const around = {
        ref: place,
        style: { display: "contents" },
        onBlur: forget,
        onKeyDown: (event) => (event.key === "Enter" ? forget() : undefined),
      };
      return React.createElement("div", around, React.createElement(window.dash_mantine_components[name], field));
    };
  }

  window.ct6_components = Object.assign(window.ct6_components || {}, {
    TimeField: holding("TimeInput", (value) => /^\d\d:\d\d/.test(value)),
    NumberField: holding("NumberInput", (value) => value === "" || Number.isFinite(Number(value))),
  });
})();
