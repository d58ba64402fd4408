using Runcvm.Oci;

namespace Runcvm.Cli;

/// <summary>What the program says about itself.</summary>
internal static class HelpVerb
{
    private const string Text = """
        runcvm - an OCI runtime that boots container images as microVMs

        For container engines (the command line of runc; other verbs go to runc as they are):
          create, run, start, exec, kill, delete, state, ps, pause, resume, update, events, features, list, spec

        For people:
          images [prune]           root images in the cache
          kernel list|add|build|default|remove
                                   kernels that machines boot
          install, uninstall       put RunCVM on this host and register it with Docker;
                                   install --firecracker FILE|URL [--sha256 HEX] puts a Firecracker beside it
          version, help

        A container becomes a machine with:  docker run --runtime=runcvm IMAGE
        Options are RUNCVM_* variables (docker run -e …); see docs/options.md.
        """;

    internal static int Run()
    {
        Console.Out.WriteLine(Text);
        return 0;
    }

    internal static int Version()
    {
        Console.Out.WriteLine($"runcvm version {typeof(HelpVerb).Assembly.GetName().Version?.ToString(3)}");
        Console.Out.WriteLine("spec: 1.0.2-dev");
        return 0;
    }

    /// <summary>`runcvm --version`, which engines ask for, or no words at all.</summary>
    internal static int WithoutVerb(CommandLine command)
    {
        if (command.Arguments.Any(static argument => argument is "--version" or "-v")) return Version();
        Run();
        return command.Arguments.Count == 0 || command.Arguments.Any(static argument => argument is "--help" or "-h") ? 0 : 2;
    }
}
