"""Build hook: compiles `myna.wire`, `myna.core` and `myna.sockets` with mypyc, all of it or none of it.

Everything else about the package is in pyproject.toml. The three folders are ONE unit, so that calls within it are
direct C calls; therefore one module that does not compile leaves all of them interpreted, never a mixture.

The compiled modules are made in build/compiled/<fingerprint of their sources> and only copied from there into the
wheel. So an edit elsewhere costs no compile, going back to an earlier state of the two folders costs none either, and
no .so ever lies beside a .py of the source tree, where it would win over the edited file. An editable install finds
none and is interpreted.

Setuptools' own `optional=True` is not used: it lets a build pass whose shared part is missing; then nothing imports.

Environment:  MYNA_PURE=1      do not compile
              MYNA_COMPILED=1  fail instead of falling back to pure Python
              MYNA_OPT=0       optimisation level of the C compiler, 0 to 3 (3); 0 compiles in about half the time
"""

import hashlib
import logging
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from importlib.metadata import version as version_of
from importlib.util import find_spec
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build import build
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
SOURCES = sorted(path for folder in ("wire", "core", "sockets") for path in (ROOT / "src/myna" / folder).rglob("*.py"))
CACHE = ROOT / "build/compiled"
KEPT = 6  # fingerprints kept: enough to go back and forth between a few branches
OPTIMISATION = os.environ.get("MYNA_OPT") or "3"
SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")

# A build that reaches one of these makes a wheel or an installation; the others (sdist, egg_info …) need no compiler.
BUILDS = {"bdist_wheel", "build", "build_ext", "install"}
INNER = "MYNA_BUILD_INNER"  # set for the process of our own that runs mypyc, see compile_into


class CannotCompile(Exception):
    """Why the floors stay interpreted; says the cause and the remedy."""


def say(message: str) -> None:
    print(f"myna: {message}", file=sys.stderr, flush=True)


def require_tools() -> None:
    """A C compiler and Python's headers, or the packages that bring them."""
    if os.environ.get("MYNA_PURE") == "1":
        raise CannotCompile("MYNA_PURE=1 asks for it")
    if sys.implementation.name != "cpython":
        raise CannotCompile(f"mypyc compiles for CPython, this is {sys.implementation.name}")
    if os.name == "posix":
        command = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
        if shutil.which(command) is None:
            raise CannotCompile(f"no C compiler ({command} is not on PATH). For speed: apt-get install gcc python3-dev")
        headers = Path(sysconfig.get_path("include"))
        if not (headers / "Python.h").exists():
            raise CannotCompile(f"no Python.h in {headers}. For speed: apt-get install python3-dev")


def fingerprint() -> str:
    """Changes with whatever the compiled modules depend on."""
    digest = hashlib.sha256(f"{SUFFIX} {sys.platform} {OPTIMISATION} {version_of('mypy')}".encode())
    for path in [*SOURCES, Path(__file__)]:
        digest.update(f"\0{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def compiled_floors() -> Path:
    """The folder with the compiled modules, made now or earlier."""
    require_tools()
    if find_spec("mypyc") is None:
        raise CannotCompile("mypy is not installed. For speed: pip install mypy")
    folder = CACHE / fingerprint()
    if folder.exists():
        say("wire, core and sockets are unchanged, compiled already")
    else:
        say(f"compiling {len(SOURCES)} modules of wire, core and sockets, -O{OPTIMISATION}")
        scratch = CACHE / f"scratch-{os.getpid()}"
        started = time.monotonic()
        try:
            compile_into(scratch)
            check_imports(scratch / "lib")
            try:
                (scratch / "lib").rename(folder)
            except OSError:  # another build made the same folder meanwhile, which is as good
                if not folder.exists():
                    raise
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        say(f"compiled in {time.monotonic() - started:.0f} s")
    os.utime(folder)
    for old in sorted(CACHE.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def compile_into(scratch: Path) -> None:
    """Run mypyc and the C compiler in a process of their own: mypyc exits on an error instead of raising."""
    command = [sys.executable, str(ROOT / "setup.py"), "--quiet", "build_ext", "--parallel", str(os.cpu_count() or 1)]
    command += ["--build-lib", str(scratch / "lib"), "--build-temp", str(scratch / "temp")]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, INNER: str(scratch / "c")},
        text=True,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        print("\n".join(lines[-40:]), file=sys.stderr)
        raise CannotCompile("mypyc or the C compiler refused the sources; what it said is above")


def check_imports(folder: Path) -> None:
    """Import every compiled module where no interpreted source can stand in for it."""
    names = [".".join(path.relative_to(ROOT / "src").with_suffix("").parts) for path in SOURCES]
    names = [name.removesuffix(".__init__") for name in names]
    package = folder / "myna/__init__.py"  # else an installed myna would be found before a folder without one
    package.touch()
    program = f"import importlib\nfor name in {names!r}: importlib.import_module(name)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, text=True, capture_output=True, timeout=120, check=False
    )
    package.unlink()
    shutil.rmtree(folder / "myna/__pycache__", ignore_errors=True)
    if done.returncode != 0:
        print(done.stderr.rstrip(), file=sys.stderr)
        raise CannotCompile("the modules compiled but do not import; the reason is above")


class FreshBuild(build):
    """Starts from an empty build/lib: setuptools would pack modules that were deleted since, and stale .so files."""

    def run(self) -> None:
        if not os.environ.get(INNER):
            shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()


class CopyCompiled(build_ext):
    """Puts the modules compiled earlier into the wheel; in an editable install, none."""

    compiled: Path | None = None

    def run(self) -> None:
        if not self.inplace:
            for source, target in self.get_output_mapping().items():
                Path(target).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)

    def get_output_mapping(self) -> dict[str, str]:
        if self.compiled is None:
            return {}
        files = sorted(self.compiled.rglob(f"*{SUFFIX}"))
        return {str(path): str(Path(self.build_lib, path.relative_to(self.compiled))) for path in files}

    def get_outputs(self) -> list[str]:
        return [] if self.inplace else list(self.get_output_mapping().values())

    def get_source_files(self) -> list[str]:
        return []


def main() -> None:
    if {"-q", "--quiet"} & set(sys.argv):
        logging.disable(logging.WARNING)  # setuptools warns of each line in MANIFEST.in that matches nothing
    if scratch := os.environ.get(INNER):
        from mypyc.build import mypycify  # noqa: PLC0415  a build requirement only here

        # Only the types matter to mypyc; style of typing is `make check`'s affair and must not cost anybody the speed.
        # Modules outside the three folders (myna/__init__.py and what it imports) may use what is not installed here.
        options = ["--config-file=", "--follow-imports=silent"]
        paths = [str(path.relative_to(ROOT)) for path in SOURCES]
        os.environ["MYPYPATH"] = "src"
        extensions = mypycify(
            [*options, *paths], opt_level=OPTIMISATION, debug_level="0", group_name="myna", target_dir=scratch
        )
        if os.name == "posix":
            for extension in extensions:
                # Only Python calls into the unit, and by PyInit_… alone: calls within it are direct, and inlined.
                extension.extra_compile_args.append("-fvisibility=hidden")
        setup(ext_modules=extensions)  # type: ignore[arg-type]  # the stubs of the two disagree on whose Extension it is
        return

    marker: list[Extension] = []
    requirements: list[str] = []
    if BUILDS & set(sys.argv):
        try:
            CopyCompiled.compiled = compiled_floors()
            # Without a source of its own: its name marks the wheel as built for this platform and calls CopyCompiled.
            marker = [Extension("myna__mypyc", [])]
        except CannotCompile as reason:
            if os.environ.get("MYNA_COMPILED") == "1":
                sys.exit(f"myna: MYNA_COMPILED=1 asks for the compiled form, but: {reason}")
            say(f"wire, core and sockets stay pure Python, correct but slower: {reason}")
    else:
        try:
            require_tools()
            requirements = ["mypy>=2.0"]  # asked for by the front end (pip, uv, build) before it builds a wheel
        except CannotCompile:
            pass
    setup(
        ext_modules=marker,
        setup_requires=requirements if "egg_info" in sys.argv else [],
        cmdclass={"build": FreshBuild, "build_ext": CopyCompiled},
    )


main()
