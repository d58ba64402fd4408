using System.Text;
using System.Text.RegularExpressions;

namespace Runcvm.SystemTests;

/// <summary>What `docker run` answers where Firecracker cannot run a machine: all of it side by side in firecracker-errors.txt, which
/// RUNCVM_TEST_ACCEPT=1 writes anew. The host is changed for the engine alone, in its own namespace of mounts.</summary>
public class FirecrackerErrorTests(DockerEngine engine) : MachineTest(engine)
{
    private const string Flags = """printf 'flags\t\t: fpu %s\n' "$CPU" >cpuinfo; mount --bind cpuinfo /proc/cpuinfo; undo /proc/cpuinfo; """;

    private static readonly string NewEnough = Program("echo 'Firecracker v1.17.0'");

    private static readonly Case[] AtCreate =
    [
        new("a host without KVM", "CPU=sse; " + Flags),
        new("a host without the binary", "CPU=svm; " + Flags),
        new("a binary that is too old", Program("echo 'Firecracker v1.7.0'")),
        new("a binary that is something else", Program("echo bang")),
        new("a full disk", "mount -t tmpfs -o size=64k tmpfs /var/lib/runcvm; undo /var/lib/runcvm; " + NewEnough),
        new("a full state folder", "mount -t tmpfs -o size=4k tmpfs /run/runcvm; undo /run/runcvm; " + NewEnough),
    ];

    // Only a hypervisor that runs can find this out.
    private static readonly Case AtStart =
        new("a kernel in the wrong format", "printf 'no ELF' >vmlinux; for file in /usr/local/lib/runcvm/kernels/*/*/vmlinux; do mount --bind vmlinux $file; undo $file; done")
        {
            KeepsConfiguration = true,
        };

    [Fact]
    public async Task The_sentences_are_those_that_were_reviewed()
    {
        OnlyMachines();
        Assert.SkipUnless(File.Exists("/dev/kvm"), "this host has no /dev/kvm, without which the other errors are not reached");
        bool finds = DockerEngine.Hypervisor == "firecracker";
        var said = new StringBuilder();
        foreach (Case item in finds ? AtCreate.Append(AtStart) : AtCreate) said.Append($"{item.Name}\n    {await RefusalAsync(item)}\n");
        string golden = Path.Combine(Repository.Tests, "firecracker-errors.txt");
        if (finds && Environment.GetEnvironmentVariable("RUNCVM_TEST_ACCEPT") == "1") await File.WriteAllTextAsync(golden, said.ToString(), TestContext.Current.CancellationToken);
        string reviewed = await File.ReadAllTextAsync(golden, TestContext.Current.CancellationToken);
        Assert.Equal(finds ? reviewed : reviewed[..reviewed.IndexOf(AtStart.Name, StringComparison.Ordinal)], said.ToString());
    }

    private async Task<string> RefusalAsync(Case item)
    {
        string folder = "/run/runcvm-errors";
        string configuration = item.KeepsConfiguration ? "" : "mkdir -p /etc/runcvm; mount --bind config /etc/runcvm; undo /etc/runcvm; ";
        string script = $$"""
            set -eu
            mkdir -p {{folder}}/config; cd {{folder}}; touch config/config.toml undo
            undo() { for place in "$@"; do echo "$place" | cat - undo >undo.new; mv undo.new undo; done; }
            {{configuration}}{{item.Prepare}}
            """;
        try
        {
            (await Engine.BesideAsync("sh", "-c", script)).Succeeded();
            CommandResult result = await RunFirecrackerAsync();
            Assert.Equal(125, result.ExitCode);
            return Sentence(result.Stderr);
        }
        finally
        {
            (await Engine.BesideAsync("sh", "-c", $"cd {folder}; while read -r place; do umount \"$place\"; done <undo; cd /; rm -r {folder}")).Succeeded();
        }
    }

    private Task<CommandResult> RunFirecrackerAsync()
        => Docker.RunAsync("run", "--rm", "--runtime=runcvm", "-e", "RUNCVM_HYPERVISOR=firecracker", Busybox, "true");

    // Without what the engine says around an error of `create`, which every version of it says in another way.
    private static string Sentence(string error)
    {
        const string Refused = "create failed: ";
        string line = error.Split('\n').First(static line => line.Contains(Refused, StringComparison.Ordinal) || line.StartsWith("runcvm: ", StringComparison.Ordinal));
        int start = line.IndexOf(Refused, StringComparison.Ordinal);
        string sentence = start < 0 ? line : line[(start + Refused.Length)..];
        const string Unknown = ": unknown";
        sentence = sentence.TrimEnd('.');
        if (sentence.EndsWith(Unknown, StringComparison.Ordinal)) sentence = sentence[..^Unknown.Length];
        // Names of kernels, processes and containers differ each time.
        return Regex.Replace(sentence, "^(/var/lib/runcvm|/run/runcvm)/[^:]*: ", "$1/…: ");
    }

    private static string Program(string script) => $"""
        printf '#!/bin/sh\n%s\n' "{script}" >firecracker; chmod 755 firecracker; printf 'firecracker = "%s/firecracker"\nfirecracker_is_test_double = true\n' $PWD >config/config.toml;
        """;

    /// <param name="Name">what is wrong with the host</param>
    /// <param name="Prepare">shell that makes it so, and calls undo with what is to be unmounted</param>
    private sealed record Case(string Name, string Prepare)
    {
        /// <summary>The Firecracker under test is the one that fails.</summary>
        internal bool KeepsConfiguration { get; init; }
    }
}
