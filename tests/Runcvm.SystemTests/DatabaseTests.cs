namespace Runcvm.SystemTests;

/// <summary>Programs that notice when a file system does not keep its promises.</summary>
public class DatabaseTests(DockerEngine engine) : MachineTest(engine)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    [Theory]
    [InlineData("database")]
    [InlineData(null)]
    public async Task What_postgres_committed_survives_the_kill_of_the_machine(string? volume)
    {
        if (volume == null) OnlyLarge();
        string image = await Engine.Images.PostgresAsync();
        using var folder = new TemporaryFolder();
        const string Serve = """
            set -e; export PGDATA=/var/lib/postgresql/data
            if [ ! -e $PGDATA/PG_VERSION ]; then initdb --auth=trust >/dev/null; fi
            pg_ctl -w -t 200 start >/dev/null; if createdb bench 2>/dev/null; then pgbench -i -q bench 2>/dev/null; fi
            psql -qc 'create table if not exists said (n int)' bench; echo "serving $(psql -Atc 'select count(*) from said' bench)"
            """;
        // Every number that is printed was committed before.
        const string Load = """
            pgbench -c 4 -T 300 bench >/dev/null 2>&1 &
            n=0; while n=$((n+1)); do psql -qc "insert into said values ($n)" bench && echo "committed $n"; done
            """;
        string[] arguments = ["-v", $"{volume ?? folder.Path}:/var/lib/postgresql", "--shm-size", "128m", "-m", "768m", image];
        (await Docker.WithinAsync(Patience, ["run", "--rm", .. RuntimeArguments, .. arguments, "chown", "postgres", "/var/lib/postgresql"])).Succeeded();
        string first = await StartAsync(["--user", "postgres", .. arguments, "bash", "-c", Serve + "\n" + Load]);
        await Eventually.TrueAsync(async () => await CommittedAsync(first) >= 5, "five commits", Patience);
        // Not by `docker kill`, which lets the guest write its caches first.
        (await Engine.BesideAsync("kill", "-KILL", await Docker.InspectAsync(first, "{{.State.Pid}}"))).Succeeded();
        await WaitAsync(first);
        int committed = await CommittedAsync(first);
        CommandResult second = await Docker.WithinAsync(
            Patience, ["run", "--rm", .. RuntimeArguments, "--user", "postgres", .. arguments, "bash", "-c", Serve + "\npsql -Atc 'select n from said' bench; psql -Atc \"select sum(abalance) = (select sum(delta) from pgbench_history) from pgbench_accounts\" bench"]);
        Assert.Contains("t", second.Lines);
        Assert.Empty(Enumerable.Range(1, committed).Select(static n => $"{n}").Except(second.Lines));
    }

    [Theory]
    [InlineData("sqlite-data")]
    [InlineData(null)]
    public async Task What_two_processes_committed_to_sqlite_survives_the_kill_of_the_machine(string? volume)
    {
        string image = await Engine.Images.SqliteAsync();
        using var folder = new TemporaryFolder();
        string[] arguments = ["-v", $"{volume ?? folder.Path}:/data", image, "bash", "-c"];
        // A connection that stays open keeps the log, and its index in shared memory, from being put away after each statement.
        const string Load = """
            sqlite3 /data/db 'pragma journal_mode=wal; create table if not exists said (who int, n int)'; sleep 1000 | sqlite3 -cmd 'select count(*) from said' /data/db &
            for who in 1 2; do (n=0; while n=$((n+1)); do sqlite3 -cmd '.timeout 60000' /data/db "pragma synchronous=full; insert into said values ($who, $n)" && echo "committed $who $n"; done) & done; wait
            """;
        string name = await StartAsync([.. arguments, Load]);
        await Eventually.TrueAsync(async () => await CommittedAsync(name) >= 10, "ten commits", Patience);
        (await Docker.RunAsync("kill", name)).Succeeded();
        string[] committed = [.. (await Docker.RunAsync("logs", name)).Stdout.Split('\n').Where(static line => line.StartsWith("committed ", StringComparison.Ordinal)).Select(static line => line["committed ".Length..])];
        CommandResult after = await RunAsync([.. arguments, "sqlite3 -separator ' ' /data/db 'pragma integrity_check; pragma journal_mode; select * from said'"]);
        Assert.Equal(["ok", "wal"], after.Lines[..2]);
        Assert.Empty(committed.Except(after.Lines));
    }

    [Theory]
    [InlineData("mariadb-data")]
    [InlineData(null)]
    public async Task What_mariadb_committed_survives_the_kill_of_the_machine(string? volume)
    {
        OnlyLarge();
        string image = await Engine.Images.MariaDbAsync();
        using var folder = new TemporaryFolder();
        const string Serve = """
            mkdir -p /run/mysqld; chown mysql /run/mysqld /var/lib/mysql
            [ -d /var/lib/mysql/mysql ] || mariadb-install-db --user=mysql --skip-test-db >/dev/null
            mariadbd --user=mysql --skip-log-error 2>/dev/null & until mariadb-admin ping >/dev/null 2>&1; do sleep 0.2; done
            """;
        const string Load = """
            mariadb -e 'create database if not exists b; create table if not exists b.said (who int, n int) engine=innodb'
            for who in 1 2; do (n=0; while n=$((n+1)); do mariadb b -e "insert into said values ($who, $n)" && echo "committed $who $n"; done) & done; wait
            """;
        string[] arguments = ["-m", "768m", "-v", $"{volume ?? folder.Path}:/var/lib/mysql", image, "bash", "-c"];
        string name = await StartAsync([.. arguments, Serve + "\n" + Load]);
        await Eventually.TrueAsync(async () => await CommittedAsync(name) >= 10, "ten commits", Patience);
        (await Docker.RunAsync("kill", name)).Succeeded();
        string[] committed = [.. (await Docker.RunAsync("logs", name)).Stdout.Split('\n').Where(static line => line.StartsWith("committed ", StringComparison.Ordinal)).Select(static line => line["committed ".Length..])];
        CommandResult after = await Docker.WithinAsync(
            Patience, ["run", "--rm", .. RuntimeArguments, .. arguments, Serve + "\nmariadb-check --check b; mariadb -N -B b -e 'select concat(who, \" \", n) from said'; mariadb-admin shutdown"]);
        Assert.Contains(after.Lines, static line => line.StartsWith("b.said", StringComparison.Ordinal) && line.EndsWith("OK", StringComparison.Ordinal));
        Assert.Empty(committed.Except(after.Lines));
    }

    [Fact]
    public async Task A_hundred_packages_are_installed_into_a_root_that_is_a_share()
    {
        OnlyLarge();
        const string Script = """
            set -eo pipefail; before=$(dpkg -l | grep -c ^ii); apt-get -q update >/dev/null
            DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends build-essential git python3 vim-tiny man-db autoconf automake libtool pkg-config gdb tcl rsync bison flex gawk zip unzip strace lsof bc time >/dev/null
            dpkg --audit; dpkg --verify | awk '!/^missing +\/usr\/share\/(doc|man|info|locale|lintian)(\/|$)/'; echo $(($(dpkg -l | grep -c ^ii) - before)); printf 'int main(void) { return 7; }' | gcc -x c -o /made -; /made || echo $?
            """;
        CommandResult result = await Docker.WithinAsync(
            TimeSpan.FromMinutes(25), ["run", "--rm", .. RuntimeArguments, "-e", "RUNCVM_ROOTFS=share", "-m", "1g", await Engine.Images.DebianAsync(), "bash", "-c", Script]);
        Assert.Equal("7", result.Lines[^1]);
        Assert.InRange(int.Parse(Assert.Single(result.Lines[..^1]), System.Globalization.CultureInfo.InvariantCulture), 100, 1000);
    }

    [Fact]
    public async Task A_repository_is_cloned_to_a_volume_and_found_sound()
    {
        string image = await Engine.Images.PostgresAsync();
        using var folder = new TemporaryFolder();
        const string Script = """
            set -e; cd /data; git init -q one; cd one; git config user.email a@b; git config user.name a
            for i in 1 2 3; do mkdir d$i; for j in $(seq 60); do echo $i $j > d$i/f$j; done; git add .; git commit -qm $i; done
            cd ..; git clone -q --no-hardlinks one two; cd two; git gc -q; git fsck --full --strict; git log --oneline | wc -l; git status --short | wc -l
            """;
        CommandResult result = await Docker.WithinAsync(Patience, ["run", "--rm", .. RuntimeArguments, "-v", $"{folder.Path}:/data", image, "bash", "-c", Script]);
        Assert.Equal("3\n0", result.Text);
        (await Command.RunAsync("sh", ["-c", $"test $(find {folder.Path}/two -name 'f*' -path '*/d?/*' | wc -l) = 180"])).Succeeded();
    }

    private static void OnlyLarge() => Assert.SkipUnless(DockerEngine.RunsLarge, "takes minutes: RUNCVM_TEST_LARGE=1 runs it");

    private async Task<int> CommittedAsync(string name)
        => (await Docker.RunAsync("logs", name)).Stdout.Split('\n').Count(static line => line.StartsWith("committed ", StringComparison.Ordinal));
}
