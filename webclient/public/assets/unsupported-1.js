// SPDX-License-Identifier: Apache-2.0
// Runs only where modules are unknown (Internet Explorer and browsers of its age), so: old JavaScript.
(function () {
  var old = /MSIE |Trident\//.test(navigator.userAgent);
  var text = old
    ? "N'utilisez pas Internet Explorer, ce navigateur n'est pas compatible"
    : "Ce navigateur n'est pas compatible. Utilisez une version r\u00e9cente de Chrome, Edge, Firefox ou Safari.";
  window.onload = function () {
    var paragraph = document.createElement('p');
    paragraph.className = 'unsupported';
    paragraph.appendChild(document.createTextNode(text));
    document.body.insertBefore(paragraph, document.body.firstChild);
  };
})();
