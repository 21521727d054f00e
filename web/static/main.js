// Comfort on top of pages that work without it. Each module looks for its own part of the page.
import "./keys.js";
import "./asking.js";
import "./suggestions.js";
import "./recent.js";
import "./theme.js";
import "./copy.js";
import "./feedback.js";
import { announce } from "./announce.js";

// A status that is there when the page loads is not spoken; one that changes afterwards is, unless something newer was
// said in between.
const { announce: text } = document.getElementById("main").dataset;
const isSilent = () => !document.getElementById("announcer").textContent;
if (text) setTimeout(() => isSilent() && announce(text), 400);
