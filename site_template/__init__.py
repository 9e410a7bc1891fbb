"""Templates, styles and scripts of the site; `static/` is what the bundler made of the scripts."""
