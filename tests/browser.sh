#!/bin/sh
# The reports are tested in a real Chromium. Install Debian's where that is possible; without one those tests skip.
set -u
command -v chromium >/dev/null && command -v chromedriver >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing chromium for the tests of the reports"
    apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium chromium-driver fonts-dejavu-core >/dev/null && exit 0
fi
echo "no chromium: the tests that open a report in a browser will skip (apt-get install chromium chromium-driver)"
