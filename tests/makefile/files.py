"""The Makefile and the files of make/ that it includes, as one text."""

import re

from tools.command import ROOT

FILES = [ROOT / "Makefile", *sorted((ROOT / "make").glob("*.mk"))]
MAKEFILE = "".join(path.read_text(encoding="utf-8") for path in FILES)
DOCUMENTED = sorted(re.findall(r"^([a-z][a-z0-9-]*):(?! ENV :=).*## ", MAKEFILE, re.MULTILINE))
