"""Java's rules: artifacts that the build file lacks, and a JDK that is too old or too new."""

from __future__ import annotations

import re

from activities.diagnosis.data_files import data_file
from activities.diagnosis.evidence import Phase
from activities.diagnosis.languages import java_releases
from activities.diagnosis.languages.context_files import context_files, context_text, nearest, says, target_of
from activities.diagnosis.languages.java_images import TOOL, java_image, jdk_need
from activities.diagnosis.languages.line_rules import Rule, command_need, from_table, judged, rule
from activities.diagnosis.languages.toolchain import first_command, manager_for, stage_name
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Ecosystem, Place
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from workflows.models.finding import FindingKind

_PACKAGE = re.compile(r"package ([\w.]+) does not exist")
_SOURCES = (".java", ".kt", ".scala", ".groovy")
_MANIFESTS = ("pom.xml", "build.gradle", "build.gradle.kts")
_LOMBOK = "org.projectlombok:lombok:1.18.34"
_BOOT_3 = re.compile(
    r"spring-boot-starter-parent</artifactId>\s*<version>[34]\.|org\.springframework\.boot['\"]\)?\s+version\s*['\"(]+[34]\."
)
_FIRST_WITHOUT_EE = 11


def _missing_package(found: re.Match[str], place: Place, project: Project) -> Verdict:
    """javac names packages it has no jar for: all of the log are added at once."""
    named = [found[1]]
    for line in (*place.before(200), *place.after(200)):
        named += _PACKAGE.findall(line.plain)
    wanted: list[str] = []
    for package in dict.fromkeys(named):
        if _is_own(package, project):
            reason = f"{package} is a package of the project itself that is not in the build"
            return Refusal("java.own_package", reason, (place.line,))
        if package.startswith(("sun.", "com.sun.image", "com.sun.org")):
            reason = f"{package} is internal to older Javas"
            image = java_image(project, building=True)
            return jdk_need("java.internal_package", image, 8, place, project, reason)
        wanted += [artifact] if (artifact := _artifact(package)) else []
    if not wanted:
        reason = f"which artifact has the package {found[1]} is not known"
        return Refusal("java.unknown_package", reason, (place.line,))
    return _add(
        tuple(dict.fromkeys(wanted)), f"no artifact of the build has {', '.join(named[:4])}", place, project
    )


def _artifact(name: str) -> str:
    """Coordinates of the artifact with a package or class; the longest known prefix decides."""
    known: dict[str, str] = data_file("java.json")["artifacts"]
    parts = name.split(".")
    names = (".".join(parts[:size]) for size in range(len(parts), 0, -1))
    return next((known[prefix] for prefix in names if prefix in known), "")


def _is_own(package: str, project: Project) -> bool:
    tail = package.replace(".", "/")
    files = context_files(project, *_SOURCES)
    return any(f"/{path}".rpartition("/")[0].endswith(f"/{tail}") for path in files) or bool(
        says(project, rf"^\s*package\s+{re.escape(package)}\b", *_SOURCES)
    )


def _add(artifacts: tuple[str, ...], reason: str, place: Place, project: Project) -> Verdict:
    """Into the build file that the project has; what it has already is another problem."""
    manifest = next((name for name in _MANIFESTS if nearest(project, name)), "pom.xml")
    path = nearest(project, manifest)
    text = (context_text(project, path) or "") if path else ""
    lines = (place.line,)
    names = tuple(":".join(one.split(":")[:2]) for one in artifacts)
    present = [name for name in names if name.split(":")[1] in text]
    if present:
        why = f"{reason}; {present[0]} is in {manifest} already, perhaps in another scope"
        return Refusal("java.declared", why, lines)
    if any(name.startswith("javax.") for name in names) and _BOOT_3.search(text):
        why = f"{reason}; Spring Boot 3 uses jakarta.*, so the import lines have to change"
        return Refusal("java.javax_to_jakarta", why, lines)
    version = _versions(artifacts, text)
    kind = FindingKind.ADD_JAVA_DEPENDENCY
    target = target_of(project, manifest)
    return Need("java.missing_artifact", kind, names, lines, reason, version=version, target=target)


def _versions(artifacts: tuple[str, ...], manifest: str) -> str:
    """One each, in order; '' where the build manages them (Spring Boot's list) or not all are known."""
    managed = "spring-boot" in manifest or "org.springframework.boot" in manifest
    groups = data_file("java.json")["boot_managed"] if managed else ()
    versions = ["" if one.split(":")[0] in groups else "".join(one.split(":")[2:]) for one in artifacts]
    return " ".join(versions) if all(versions) else ""


def _missing_class(found: re.Match[str], place: Place, project: Project) -> Verdict | None:
    """A class that the runtime did not find."""
    name = next((group for group in found.groups() if group), "").replace("/", ".").strip("'\"")
    package = name.rpartition(".")[0]
    if not package or _is_own(package, project):
        return None
    if name.startswith(("javax.xml.bind", "javax.activation")) and place.phase is Phase.BUILD:
        reason = f"a build tool uses {name}, which left Java with release {_FIRST_WITHOUT_EE}"
        return jdk_need("java.tool_needs_ee", java_image(project, building=True), 8, place, project, reason)
    if name.startswith("sun."):
        image = java_image(project, building=place.phase is Phase.BUILD)
        return jdk_need(
            "java.internal_package", image, 8, place, project, f"{name} is internal to older Javas"
        )
    artifact = _artifact(name)
    if not artifact:
        return None
    return _add((artifact,), f"the class {name} is not on the class path", place, project)


def _no_driver(found: re.Match[str], place: Place, project: Project) -> Verdict | None:
    """JDBC names the database in its address."""
    drivers = {
        "mysql": "com.mysql.cj",
        "postgresql": "org.postgresql",
        "h2": "org.h2",
        "sqlite": "org.sqlite",
    }
    drivers |= {
        "mariadb": "org.mariadb.jdbc",
        "sqlserver": "com.microsoft.sqlserver.jdbc",
        "oracle": "oracle.jdbc",
    }
    artifact = _artifact(drivers.get(found[1], ""))
    return _add((artifact,), f"no driver for jdbc:{found[1]}", place, project) if artifact else None


def _lombok(_: re.Match[str], place: Place, project: Project) -> Verdict:
    """Older Lomboks reach into parts of javac that newer JDKs changed or closed."""
    manifest = next((name for name in _MANIFESTS if nearest(project, name)), "pom.xml")
    version = _LOMBOK.rsplit(":", 1)[1]
    why = f"this Lombok is too old for the JDK; {version} works with it"
    kind = FindingKind.ADD_JAVA_DEPENDENCY
    target = target_of(project, manifest)
    name = (_LOMBOK.rsplit(":", 1)[0],)
    return Need("java.lombok_old", kind, name, (place.line,), why, version=version, target=target)


def _no_compiler(_: re.Match[str], place: Place, project: Project) -> Verdict:
    """A runtime where a compiler is needed."""
    image = java_image(project, building=True)
    if "jre" in image:
        new = image.replace("jre", "jdk")
        why = f"the image has a Java runtime but no compiler; {new} has one"
        kind = FindingKind.CHANGE_BASE_IMAGE
        return Need("java.no_compiler", kind, (new,), (place.line,), why, replaces=image)
    return _system_java("default-jdk", "openjdk17-jdk", place, project, "the image has no Java compiler")


def _no_java(_: re.Match[str], place: Place, project: Project) -> Verdict:
    """No Java at all; in an image of Java's own something else is wrong."""
    if image := java_image(project, building=place.phase is Phase.BUILD):
        return Refusal("java.no_java", f"{image} has Java, but it is not found in this step", (place.line,))
    if place.phase is Phase.BUILD:
        return _system_java("default-jdk", "openjdk17-jdk", place, project, "Java is not installed")
    return _system_java("default-jre-headless", "openjdk17-jre", place, project, "Java is not installed")


def _system_java(apt: str, apk: str, place: Place, project: Project, why: str) -> Verdict:
    manager = manager_for(project, TOOL, building=place.phase is Phase.BUILD)
    package = {"apt": apt, "apk": apk}.get(manager)
    if package is None:
        return Refusal("java.no_java", f"{why}; the package for this image is not known", (place.line,))
    prefix = "build" if place.phase is Phase.BUILD else "system"
    reason = f"{why}; {package} of {manager} brings it"
    kind = FindingKind.ADD_SYSTEM_PACKAGE
    stage = stage_name(project, TOOL, place)
    return Need(f"{prefix}.java", kind, (package,), (place.line,), reason, stage=stage)


def _no_gradle(_: re.Match[str], place: Place, project: Project) -> Verdict:
    """The wrapper in the project, else the distribution's package."""
    old = first_command(project, r"(?<![\w./-])gradle(?= )[^&|;\n]*")
    if nearest(project, "gradlew") and old:
        why = "Gradle is not installed, and the project brings its wrapper"
        new = f"./gradlew{old.removeprefix('gradle')}"
        return command_need("java.gradle_wrapper", new, place, why, replaces=old)
    return _system_java("gradle", "gradle", place, project, "Gradle is not installed")


def _windows_wrapper(found: re.Match[str], place: Place, project: Project) -> Verdict | None:
    """A script with Windows line ends names an interpreter that does not exist."""
    name = "gradlew" if "gradlew" in found[0] else "mvnw"
    path = nearest(project, name)
    text = (context_text(project, path) or "") if path else ""
    if "\r\n" not in text:
        return Refusal("java.no_wrapper", f"{name} is not in the image", (place.line,))
    why = f"{name} has Windows line ends"
    command, before = f"sed -i 's/\\r$//' {name}", rf"(?:\./)?{name}\b"
    return command_need("java.wrapper_crlf", command, place, why, ahead_of=first_command(project, before))


_RULES: tuple[Rule, ...] = (
    rule(
        r"lombok\.javac\.apt\.LombokProcessor|JCTree\$JCImport does not have member field|JCImport.*qualid",
        _lombok,
    ),
    rule(_PACKAGE.pattern, _missing_package),
    rule(
        r"ClassNotFoundException: ([\w$]+(?:[./][\w$]+)+)|NoClassDefFoundError: ([\w$]+(?:[./][\w$]+)+)"
        r"|(?:[Cc]annot|[Ff]ailed to) load (?:JDBC )?driver class:? '?([\w.]+)",
        _missing_class,
    ),
    rule(r"No suitable driver found for jdbc:(\w+)", _no_driver),
    *java_releases.RULES,
    rule(
        r"No compiler is provided in this environment|Unable to locate the Javac Compiler|tools\.jar",
        _no_compiler,
    ),
    rule(
        r"\bjava(?:c)?: (?:command )?not found|exec: \"javac?\": executable file not found"
        r"|JAVA_HOME is not (?:set|defined)"
        r"|JAVA_HOME environment variable is not defined",
        _no_java,
    ),
    rule(
        r"(?<![\w/.])gradle: (?:command )?not found|exec: \"gradle\": executable file not found", _no_gradle
    ),
    rule(
        r"gradlew\W*: (?:No such file or directory|not found)"
        r"|mvnw\W*: (?:No such file or directory|not found)",
        _windows_wrapper,
    ),
    *from_table("java", TOOL),
)


def of_line(place: Place, project: Project) -> Verdict | None:
    """The verdict on one line of Maven, Gradle, javac or the Java runtime."""
    return judged(_RULES, place, project)


ECOSYSTEM = Ecosystem("java", of_line)
