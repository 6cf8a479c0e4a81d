#!/usr/bin/env bash
# Builds, tests, packs and benchmarks this repository, and provides the PostgreSQL with pgvector that it needs.
# Runs with the bash 3.2 of macOS.
set -euo pipefail
readonly caller_dir=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")"

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_CLI_UI_LANGUAGE=en

readonly log_dir="$PWD/artifacts/logs"
readonly log="$log_dir/build-$$.log"
readonly results_dir="$PWD/artifacts/test-results"

usage() {
    cat <<'USAGE'
usage: ./build.sh <command>

  quickstart [args]     run samples/Quickstart on a real PostgreSQL
  test [--filter WORD]  run all tests, or those whose full name contains WORD
  check                 build, formatting, packages, a project that uses them, and samples
  bench [--quick] [--rows N] [--json FILE] [--output DIR] [part ...]
                        compare the library with raw Npgsql and EF Core; see benchmarks/README.md
  rehearse [--rows N] [--json FILE]
                        back up, verify and recover a store of 100,000 memories, logically and physically
  quality [--data DIR] [--json FILE]
                        how well searches find what answers real questions; the data is in DIR, else where the environment
                        variable UNIFIED_MEMORY_DATA says, else in ../shared/data
  pack                  packages into artifacts/packages
  help                  this text

PostgreSQL with pgvector is found or installed first. To use a server of your own instead, set UNIFIED_MEMORY_CONNECTION to
its connection string.
USAGE
}

# ---- steps ----------------------------------------------------------------------------------------------------------

say() { printf '%s\n' "$@"; }

die() {
    printf '%s\n' "$@" >&2
    exit 1
}

# step LABEL COMMAND...: one line with its time; the output goes to the log, whose end is shown when the command fails.
step() {
    local label=$1 started=$SECONDS status
    shift
    mkdir -p "$log_dir"
    printf '== %s\n' "$label" >>"$log"
    set +e
    # A subshell of its own, not a condition: there "set -e" would be off inside the command.
    (
        set -e
        "$@"
    ) >>"$log" 2>&1 </dev/null
    status=$?
    set -e
    if [ "$status" -eq 0 ]; then
        printf '  %-62s %4d s\n' "$label" $((SECONDS - started))
        return
    fi
    printf '  %-62s FAILED after %d s\n' "$label" $((SECONDS - started))
    tail -n 60 "$log" | sed 's/^/  | /'
    die "\"$label\" failed (status $status). The whole log: $log"
}

# A relative path of the caller is meant from where he is.
callers_path() {
    case $1 in
        "" | /*) printf '%s' "$1" ;;
        *) printf '%s' "$caller_dir/$1" ;;
    esac
}

# Puts the arguments into "arguments", with paths that mean the same here.
take_arguments() {
    local argument option=""
    arguments=()
    for argument in "$@"; do
        case $option in --json | --output | --data | --artifacts) argument=$(callers_path "$argument") ;; esac
        arguments+=("$argument")
        option=$argument
    done
}

need_dotnet() {
    command -v dotnet >/dev/null 2>&1 ||
        die "The .NET 10 SDK is needed and there is no \"dotnet\" on the PATH: https://dotnet.microsoft.com/download/dotnet/10.0"
    local version
    version=$(dotnet --version 2>&1) ||
        die "$version" "" "The .NET 10 SDK is needed (global.json). Install it from https://dotnet.microsoft.com/download/dotnet/10.0"
    [ "${version%%.*}" -ge 10 ] ||
        die "The .NET 10 SDK is needed; \"dotnet\" is $version: https://dotnet.microsoft.com/download/dotnet/10.0"
}

# ---- PostgreSQL with pgvector ---------------------------------------------------------------------------------------

readonly bookworm_packages="postgresql-15 postgresql-server-dev-15 build-essential dpkg-dev"

# Whether a version of pgvector is one that a store accepts: 0.8.0 or newer. Ubuntu 24.04, for example, packages 0.6.0.
is_usable_pgvector() {
    local major minor
    IFS=. read -r major minor _ <<<"$1"
    [[ $major.$minor =~ ^[0-9]+\.[0-9]+$ ]] && { [ "$major" -gt 0 ] || [ "$minor" -ge 8 ]; }
}

# Whether one directory of binaries has pgvector, looked for and judged as LocalPostgres does.
has_pgvector() {
    local bin=$1 share control
    [ -x "$bin/initdb" ] && [ -x "$bin/postgres" ] || return 1
    local version=${bin%/bin}
    for share in "$("$bin/pg_config" --sharedir 2>/dev/null)" \
        "/usr/share/postgresql/${version##*/}" "$bin/../share" "$bin/../share/postgresql" /usr/share/pgsql; do
        control=$share/extension/vector.control
        [ -f "$control" ] || continue
        is_usable_pgvector "$(sed -n -E "s/^ *default_version *= *'([^']+)'.*/\1/p" "$control")"
        return
    done
    return 1
}

# Prints "version directory" of the newest local PostgreSQL with pgvector.
find_postgres() {
    local bin path_dirs
    IFS=: read -r -a path_dirs <<<"$PATH"
    for bin in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin \
        /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin /home/linuxbrew/.linuxbrew/opt/postgresql@*/bin \
        /Applications/Postgres.app/Contents/Versions/*/bin "${path_dirs[@]}"; do
        if has_pgvector "$bin"; then
            printf '%s %s\n' "$("$bin/postgres" --version | awk '{ print $3 }')" "$bin"
        fi
    done | sort -t . -k 1,1rn -k 2,2rn | head -n 1
}

can_be_root() { [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

install_packages() {
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --no-install-recommends -o DPkg::Lock::Timeout=600 "$@"
}

# Debian's packages create a cluster "main" and start it when a server is first installed. It would be ours to look after:
# tell postgresql-common not to, for as long as this installation takes. Packages that are there are not upgraded: that would
# restart a cluster that is in use.
install_server() {
    local conf=/etc/postgresql-common/createcluster.conf
    install_packages --no-upgrade postgresql-common
    trap 'as_root sed -i "/# unified-memory$/d" /etc/postgresql-common/createcluster.conf' EXIT
    echo "create_main_cluster = false # unified-memory" | as_root tee -a "$conf"
    install_packages --no-upgrade "$@"
}

# Prints the number of the PostgreSQL for which apt has a usable pgvector: an installed one first, else the newest.
packaged_postgres() {
    local number newest=""
    for number in $(apt-cache search --names-only '^postgresql-[0-9]+-pgvector$' |
        sed -n -E 's/^postgresql-([0-9]+)-pgvector .*/\1/p' | sort -rn); do
        is_usable_pgvector "$(apt-cache policy "postgresql-$number-pgvector" | sed -n -E 's/^ *Candidate: *//p')" || continue
        [ ! -x "/usr/lib/postgresql/$number/bin/postgres" ] || { echo "$number" && return; }
        newest=${newest:-$number}
    done
    echo "$newest"
}

# Prints the machine's own source of Debian 12 packages as a source of Debian 13's sources: same mirror, same key. The first
# argument says where to write; the file's extension follows from the format found.
write_trixie_source() {
    local target=$1 file
    for file in /etc/apt/sources.list.d/*.sources; do
        [ -f "$file" ] || continue
        # A stanza is copied whole (URIs, Signed-By, Trusted and an embedded key with it) but for what it is a source of.
        awk -v RS= -v FS='\n' '
            /(^|\n)Types:[^\n]*deb( |\n|$)/ && /(^|\n)Suites:([^\n]* )?bookworm( |\n|$)/ && !/(^|\n)Enabled: *no/ {
                for (i = 1; i <= NF; i++) if ($i !~ /^(#|Types:|Suites:|Components:|Architectures:)/) print $i
                print "Types: deb-src\nSuites: trixie\nComponents: main"
                exit
            }' "$file" >"$target.sources"
        [ ! -s "$target.sources" ] || return 0
    done
    rm -f "$target.sources"
    # deb [options] uri bookworm main ...
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
        sed -n -E 's/^deb +(\[[^]]*\] +)?([^ ]+) +bookworm +.*main.*$/deb-src \1\2 trixie main/p' |
        sed -E 's/arch=[^] ]*//' | head -n 1 >"$target.list"
    [ -s "$target.list" ]
}

# Debian 12 has no pgvector for its PostgreSQL 15; Debian 13's source package builds for it. apt works in a directory of its
# own here, so that the machine's sources stay as they are, and checks signatures as it does for the machine's.
build_pgvector() {
    local dir
    if ! ls /usr/share/keyrings/debian-archive-trixie-*.gpg; then
        # An early Debian 12 does not know Debian 13's key; its own keyring package brings it.
        install_packages debian-archive-keyring
    fi
    dir=$(mktemp -d)
    # shellcheck disable=SC2064 # the directory of now
    trap "rm -rf '$dir'" EXIT
    chmod 755 "$dir" # apt downloads as its own user
    mkdir -p "$dir/sources" "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/source"
    write_trixie_source "$dir/sources/trixie" || {
        echo "No source of Debian 12 packages was found in /etc/apt to take the mirror from."
        return 1
    }
    local apt_options=(
        -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$dir/sources"
        -o "Dir::State::lists=$dir/lists" -o "Dir::Cache=$dir/cache"
    )
    apt-get "${apt_options[@]}" -o APT::Update::Error-Mode=any update
    cd "$dir/source"
    apt-get "${apt_options[@]}" source --only-source pgvector
    cd pgvector-*/
    # OPTFLAGS: no -march=native, the result may be copied to another machine with an image.
    make -s -j 2 OPTFLAGS="" PG_CONFIG=/usr/lib/postgresql/15/bin/pg_config
    as_root make -s install OPTFLAGS="" PG_CONFIG=/usr/lib/postgresql/15/bin/pg_config
}

system_name() {
    if [ "$(uname)" = Darwin ]; then echo macos; return; fi
    (. /etc/os-release 2>/dev/null && echo "${ID:-unknown} ${VERSION_CODENAME:-} ${ID_LIKE:-}") || echo unknown
}

explain_postgres() {
    say "" "PostgreSQL with pgvector is needed and could not be installed here: $1." "Run one of these, then this command again:"
    case $(system_name) in
        macos) say "  brew install postgresql@17 pgvector" ;;
        "debian bookworm"*)
            say "  sudo ./build.sh test                                    # installs PostgreSQL 15 and builds pgvector for it" ;;
        *debian* | *ubuntu*)
            say "  sudo apt-get install postgresql-17 postgresql-17-pgvector       # Debian 13" \
                "  (Ubuntu 24.04, whose pgvector is too old, and older releases: the same packages from the PostgreSQL project's" \
                "  repository, https://wiki.postgresql.org/wiki/Apt)" ;;
        *fedora* | *rhel*) say "  sudo dnf install postgresql-server pgvector" ;;
        *) say "  your system's packages of PostgreSQL 15 or newer and of pgvector 0.8 or newer" ;;
    esac
    say "  or start Docker: the container image pgvector/pgvector:pg17 is then used" \
        "  or name a server: export UNIFIED_MEMORY_CONNECTION='Host=...;Username=...;Password=...;Database=...'"
    exit 1
}

ensure_postgres() {
    local found number
    if [ -n "${UNIFIED_MEMORY_CONNECTION:-}" ]; then
        say "PostgreSQL: the server that UNIFIED_MEMORY_CONNECTION names"
        return
    fi
    found=$(find_postgres)
    if [ -z "$found" ] && command -v apt-get >/dev/null 2>&1 && can_be_root; then
        step "apt: reading the package lists" as_root apt-get update -o DPkg::Lock::Timeout=600
        number=$(packaged_postgres)
        if [ -n "$number" ]; then
            step "apt: installing PostgreSQL $number with pgvector" \
                install_server "postgresql-$number" "postgresql-$number-pgvector"
        elif [[ $(system_name) == "debian bookworm"* ]]; then
            # shellcheck disable=SC2086 # a list
            step "apt: installing PostgreSQL 15 and what builds pgvector" install_server $bookworm_packages
            step "building pgvector from Debian 13's source" build_pgvector
        fi
        found=$(find_postgres)
    fi
    if [ -n "$found" ]; then
        say "PostgreSQL: ${found%% *} with pgvector in ${found#* }"
    elif docker info >/dev/null 2>&1; then
        say "PostgreSQL: a container, as Docker answers"
    elif ! command -v apt-get >/dev/null 2>&1; then
        explain_postgres "this script installs with apt only"
    elif ! can_be_root; then
        explain_postgres "you are neither root nor able to use sudo without a password"
    else
        explain_postgres "apt knows no package postgresql-<n>-pgvector of version 0.8 or newer"
    fi
}

# ---- a server that speaks S3 ----------------------------------------------------------------------------------------

readonly moto_dir="artifacts/tools/moto"

# The tests of the S3 target run against moto. Where it is neither there nor to be had, they are skipped, each with the reason.
ensure_moto() {
    local python
    for python in "$moto_dir/bin/python3" python3; do
        if "$python" -c 'import moto.server, flask_cors' >/dev/null 2>&1; then return; fi
    done
    command -v python3 >/dev/null 2>&1 || return 0
    mkdir -p "$log_dir"
    if ! { python3 -m venv "$moto_dir" && "$moto_dir/bin/pip" install --quiet --retries 1 --timeout 30 'moto[s3,server]==5.2.1'; } >>"$log" 2>&1; then
        rm -rf "$moto_dir"
        say "moto, a server that speaks S3, cannot be installed here (see $log): its tests are skipped"
    fi
}

# ---- commands -------------------------------------------------------------------------------------------------------

build() { dotnet build Memory.sln --configuration Release --nologo -warnaserror; }

build_tests() {
    local project
    for project in tests/*.Tests/*.csproj; do
        dotnet build "$project" --configuration Release --nologo -warnaserror
    done
}

run_sample() {
    dotnet run --project "samples/$1" --configuration Release --no-build
}

pack() {
    rm -rf artifacts/packages
    dotnet pack Memory.sln --configuration Release --nologo --no-build
}

# A stranger's project: outside of this tree, with the packages as its only way to the library, running the README's first
# snippet. The packages it restores go to a folder of their own, so that no older build of ours is taken from the cache.
consume() {
    local dir cache
    dir=$(mktemp -d)
    # shellcheck disable=SC2064 # the directory of now
    trap "rm -rf '$dir'" EXIT
    cache=$(dotnet nuget locals global-packages --list | sed 's/^[^:]*: *//')
    cat >"$dir/nuget.config" <<CONFIG
<configuration><packageSources><add key="built" value="$PWD/artifacts/packages" /></packageSources></configuration>
CONFIG
    cat >"$dir/Consumer.csproj" <<'PROJECT'
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <Nullable>enable</Nullable>
    <ImplicitUsings>enable</ImplicitUsings>
    <NuGetAudit>false</NuGetAudit>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="UnifiedMemory" Version="*-*" />
    <PackageReference Include="UnifiedMemory.LocalPostgres" Version="*-*" />
    <PackageReference Include="UnifiedMemory.SessionBuddy" Version="*-*" />
    <PackageReference Include="UnifiedMemory.Backup.S3" Version="*-*" />
  </ItemGroup>
</Project>
PROJECT
    awk '/^```csharp$/ { inside = 1; next } /^```$/ { if (inside) exit } inside' README.md >"$dir/Program.cs"
    cat >>"$dir/Program.cs" <<'PROGRAM'
await using var sink = new UnifiedMemory.SessionBuddy.SessionBuddySink(new() { Endpoint = new("http://127.0.0.1:1/mcp") });
Console.WriteLine(await sink.DeliverAsync(new Insight(Guid.CreateVersion7(), "default", "Nobody listens there.", InsightType.General, 1, default), default));
PROGRAM
    cd "$dir"
    NUGET_PACKAGES="$dir/packages" dotnet run --property "RestoreFallbackFolders=$cache" | tee output.txt
    grep -q 'one database is easier to back up than three' output.txt
    grep -q 'Outcome = Unavailable' output.txt
}

# count_outcomes PATTERN: the results with such an outcome in all reports. Names hold no raw ">": the reports escape it.
count_outcomes() {
    { grep -ohE '<UnitTestResult [^>]*' "$results_dir"/*.trx 2>/dev/null || true; } |
        { grep -cE "outcome=\"($1)\"" || true; }
}

run_tests() {
    local arguments=() word status=0 passed failed skipped
    if [ "${1:-}" = --filter ] && [ $# -eq 2 ] && [ -n "$2" ]; then
        # The characters that mean something in a filter expression, as in the name of a test with arguments.
        word=$(printf '%s' "$2" | sed 's/[\\()&|=!~]/\\&/g')
        arguments=(--filter "FullyQualifiedName~$word")
    elif [ $# -gt 0 ]; then
        usage >&2
        exit 2
    fi
    need_dotnet
    ensure_postgres
    ensure_moto
    step "dotnet build" build_tests
    rm -rf "$results_dir"
    # The assemblies, not the solution: no second evaluation of all projects, and no MSBuild between a filter and its reader.
    dotnet test tests/*.Tests/bin/Release/net10.0/*.Tests.dll \
        --logger "console;verbosity=minimal" --logger trx --results-directory "$results_dir" \
        ${arguments[@]+"${arguments[@]}"} </dev/null || status=$?
    passed=$(count_outcomes Passed)
    failed=$(count_outcomes 'Failed|Error|Timeout|Aborted')
    skipped=$(($(count_outcomes '[A-Za-z]+') - passed - failed))
    if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then
        say "The test run itself failed (status $status); it counts as one failure."
        failed=1
    elif [ $((passed + failed)) -eq 0 ]; then
        say "No test ran."
        status=1
    fi
    [ "$skipped" -eq 0 ] || say "$skipped skipped, each with its reason above or in the report"
    say "$passed passed, $failed failed"
    [ "$status" -eq 0 ] && [ "$failed" -eq 0 ]
}

command=${1:-help}
[ $# -eq 0 ] || shift
case $command in
    quickstart)
        need_dotnet
        ensure_postgres
        step "dotnet build" dotnet build samples/Quickstart --configuration Release --nologo
        [ $# -eq 0 ] || set -- "$(callers_path "$1")" "${@:2}"
        exec dotnet run --project samples/Quickstart --configuration Release --no-build -- "$@"
        ;;
    test) run_tests "$@" ;;
    check)
        need_dotnet
        ensure_postgres
        step "dotnet build, warnings as errors" build
        step "dotnet format --verify-no-changes" dotnet format Memory.sln --verify-no-changes --no-restore
        step "dotnet pack" pack
        step "a project that references the packages" consume
        step "samples/FirstSteps" run_sample FirstSteps
        step "samples/JsonLinesSink" run_sample JsonLinesSink
        step "samples/Quickstart" run_sample Quickstart
        ;;
    bench)
        take_arguments "$@"
        need_dotnet
        ensure_postgres
        exec dotnet run --project benchmarks/UnifiedMemory.Benchmarks --configuration Release -- ${arguments[@]+"${arguments[@]}"}
        ;;
    rehearse)
        take_arguments "$@"
        need_dotnet
        ensure_postgres
        step "dotnet build" dotnet build benchmarks/UnifiedMemory.Rehearsal --configuration Release --nologo
        exec dotnet run --project benchmarks/UnifiedMemory.Rehearsal --configuration Release --no-build -- ${arguments[@]+"${arguments[@]}"}
        ;;
    quality)
        take_arguments "$@"
        UNIFIED_MEMORY_DATA=$(callers_path "${UNIFIED_MEMORY_DATA:-}")
        export UNIFIED_MEMORY_DATA
        need_dotnet
        ensure_postgres
        step "dotnet build" dotnet build benchmarks/UnifiedMemory.Quality --configuration Release --nologo
        exec dotnet run --project benchmarks/UnifiedMemory.Quality --configuration Release --no-build -- ${arguments[@]+"${arguments[@]}"}
        ;;
    pack)
        need_dotnet
        step "dotnet build" build
        step "dotnet pack" pack
        ls artifacts/packages
        ;;
    help | -h | --help) usage ;;
    *)
        printf 'unknown command: %s\n\n' "$command" >&2
        usage >&2
        exit 2
        ;;
esac
