namespace Runcvm.SystemTests;

/// <summary>Programs that notice when a file system does not keep its promises.</summary>
public class DatabaseTests(DockerEngine engine) : MachineTest(engine)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    [Fact]
    public async Task What_postgres_committed_to_a_volume_survives_the_kill_of_the_machine()
    {
        string image = await Engine.Images.PostgresAsync();
        const string Volume = "database";
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
        string[] arguments = ["-v", $"{Volume}:/var/lib/postgresql", "--shm-size", "128m", "-m", "768m", image];
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

    private async Task<int> CommittedAsync(string name)
        => (await Docker.RunAsync("logs", name)).Stdout.Split('\n').Count(static line => line.StartsWith("committed ", StringComparison.Ordinal));
}
