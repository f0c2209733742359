// The field of a date: Mantine's, but what is typed is read here. What Mantine cannot read it leaves to the browser,
// which makes another date of it without a word (5.11.2026 is its 11th of May, and 31 Feb its 3rd of March).
(function () {
  "use strict";

  const EARLIEST_YEAR = 1990;
  const LATEST_YEAR = 2190;
  const NUMBERS = /^(\d{1,2})\s*([./-])\s*(\d{1,2})\s*(?:\2\s*(\d{4}|\d{2})?)?$/;
  const YEAR_FIRST = /^(\d{4})([./-])(\d{1,2})\2(\d{1,2})$/;
  const DAY_AND_NAME = /^(\d{1,2})(?:\.|st|nd|rd|th)?\s*([^\d\s.,]+)\.?,?\s*(\d{4}|\d{2})?$/;
  const NAME_AND_DAY = /^([^\d\s.,]+)\.?\s*(\d{1,2})(?:\.|st|nd|rd|th)?(?:,?\s+(\d{4}|\d{2}))?$/;

  // Without accents, so that they may be left out.
  function plain(text) {
    return text.trim().toLowerCase().normalize("NFD").replace(/\p{M}/gu, "");
  }

  function monthNames(language) {
    const format = new Intl.DateTimeFormat(language, { month: "long", timeZone: "UTC" });
    return Array.from({ length: 12 }, (_, month) => plain(format.format(Date.UTC(2023, month, 1))));
  }

  const names = [document.documentElement.lang || "en", "en"].map(monthNames);

  // The number of the month whose name begins so, in the page's language or in English; 0 where there is none.
  function monthOf(word) {
    const found = names.map((months) => months.findIndex((name) => word.length > 2 && name.startsWith(word)) + 1);
    return found[0] || found[1] || (word === "sept" ? 9 : 0);
  }

  // With slashes the order is that of the browser's user.
  function isMonthFirst(separator) {
    const parts = new Intl.DateTimeFormat(undefined, { month: "numeric", day: "numeric" }).formatToParts();
    const order = parts.map((part) => part.type);
    return separator === "/" && order.indexOf("month") < order.indexOf("day");
  }

  // Year, month and day of a text, as far as it has the form of a date.
  function partsOf(text) {
    let found = YEAR_FIRST.exec(text);
    if (found) {
      return [found[1], found[3], found[4]];
    }
    found = NUMBERS.exec(text);
    if (found) {
      return isMonthFirst(found[2]) ? [found[4], found[1], found[3]] : [found[4], found[3], found[1]];
    }
    found = DAY_AND_NAME.exec(text);
    if (found) {
      return [found[3], monthOf(found[2]), found[1]];
    }
    found = NAME_AND_DAY.exec(text);
    return found ? [found[3], monthOf(found[1]), found[2]] : null;
  }

  // The date of a text as YYYY-MM-DD, or null where it is none. The year may be left out, or its century.
  function read(text) {
    const parts = partsOf(plain(text));
    if (!parts) {
      return null;
    }
    const year = parts[0] === undefined ? new Date().getFullYear() : Number(parts[0]) + (parts[0].length === 2 ? 2000 : 0);
    const month = Number(parts[1]);
    const day = Number(parts[2]);
    const date = new Date(Date.UTC(year, month - 1, day));
    const isThere = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
    return isThere && isPossible(year) ? date.toISOString().slice(0, 10) : null;
  }

  function isPossible(year) {
    return year >= EARLIEST_YEAR && year <= LATEST_YEAR;
  }

  // What is typed counts when it is complete, on Enter or on leaving the field: an answer that came between two keys
  // took away what was typed, and the beginning of a date may be another (31.1 of 31.11.). What is no date by then
  // leaves the field as it was.
  function DateField(props) {
    function take(event) {
      const date = read(event.currentTarget.value);
      if (date && date !== props.value) {
        props.setProps({ value: date });
      }
    }
    return window.React.createElement(window.dash_mantine_components.DateInput, Object.assign({}, props, {
      dateParser: function () {
        return null;
      },
      onBlur: take,
      onKeyDown: function (event) {
        if (event.key === "Enter") {
          take(event);
        }
      },
    }));
  }

  window.ct6_components = Object.assign(window.ct6_components || {}, { DateField: DateField });
  window.ct6Dates = { isPossible: isPossible, read: read };
})();
