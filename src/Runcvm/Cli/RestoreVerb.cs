using Runcvm.Oci;
using Runcvm.Options;
using Runcvm.WarmStarts;

namespace Runcvm.Cli;

/// <summary>`runcvm restore`: `run` with a machine that goes on from a checkpoint.</summary>
internal static class RestoreVerb
{
    private static readonly string[] Kept = ["--bundle", "--console-socket", "--pid-file"];
    private static readonly string[] KeptWithoutValue = ["--detach", "--no-pivot", "--no-subreaper"];

    internal static int Run(CommandLine command, HostConfig config)
    {
        string[] withValue = CheckpointFlags.OfRestore;
        if (CheckpointFlags.Explain(command, withValue)) return 0;
        CheckpointFlags.Check(command, withValue);
        CommandLine run = AsRun(command);
        using CheckpointFolder folder =
            CheckpointFolder.At(CheckpointFlags.Folder(command, withValue), isNew: false);
        using Checkpoint checkpoint = folder.Open();
        return CreateVerb.Run(run, config, checkpoint);
    }

    /// <summary>The same call as one of `run`.</summary>
    internal static CommandLine AsRun(CommandLine command)
    {
        string[] withValue = CheckpointFlags.OfRestore;
        string id = command.ContainerId(withValue) ?? throw new UsageException("restore needs the container's id");
        var flags = new List<string>();
        foreach (string name in Kept)
        {
            string? value = name == "--bundle" ? command.ValueOf(withValue, name, "-b")
                : command.ValueOf(withValue, name);
            if (value != null) flags.AddRange([name, value]);
        }

        foreach (string name in KeptWithoutValue)
        {
            bool isThere = name == "--detach" ? command.HasFlag(withValue, name, "-d")
                : command.HasFlag(withValue, name);
            if (isThere) flags.Add(name);
        }

        return CommandLine.Parse([.. command.Arguments.Take(command.VerbIndex), "run", .. flags, id]);
    }
}
