using System.Text.Json.Nodes;
using Runcvm.Oci;

namespace Runcvm.Sandbox;

/// <summary>The hooks of a container that is a machine. The low-level runtime runs them around the sandbox, and would
/// tell them of the sandbox's bundle; each is to be told of the container's. So this program stands before it
/// (<see cref="Verb"/>).</summary>
internal static class SandboxHooks
{
    /// <summary>Internal verb that runs a hook: bundle, program, and the program's argv.</summary>
    internal const string Verb = "hook";

    /// <summary>Internal verb that a foreground `run` has called at its end: removes a machine's state.</summary>
    internal const string ForgetVerb = "forget";

    private const string AtTheEnd = "poststop";

    private static readonly string[] OnTheHost =
        ["prestart", "createRuntime", "createContainer", "poststart", AtTheEnd];

    // Docker's, of each container that has a network. It reads the process alone, and is on the way of each start.
    private const string OfDocker = "libnetwork-setkey";

    /// <summary>Refuses a hook that is to run where this host cannot run anything: in the guest.</summary>
    /// <exception cref="UsageException">there is one</exception>
    internal static void Check(JsonNode? hooks)
    {
        foreach (JsonNode? hook in ProcessReader.Items(hooks?["startContainer"]))
        {
            throw new UsageException($"the startContainer hook {PathOf(hook!)} is a program of the container, and none "
                + "runs in a machine before its own; leave it out, or make it a createContainer hook");
        }
    }

    /// <summary>Puts this program before each hook.</summary>
    /// <param name="spec">of the container</param>
    /// <param name="program">this program on the host</param>
    /// <param name="bundle">the container's</param>
    internal static void Rewrite(JsonObject spec, string program, string bundle)
    {
        foreach (string stage in OnTheHost)
        {
            foreach (JsonNode? hook in ProcessReader.Items(spec["hooks"]?[stage])) Rewrite(hook!, program, bundle);
        }
    }

    /// <summary>Has the state of a machine removed when its sandbox is gone: behind a `run` that stays in the
    /// foreground nobody calls `delete`.</summary>
    /// <param name="spec">of the container</param>
    /// <param name="program">this program on the host</param>
    /// <param name="key">names the machine</param>
    internal static void ForgetAtTheEnd(JsonObject spec, string program, string key)
    {
        JsonObject hooks = SandboxSpec.Child(spec, "hooks");
        if (hooks[AtTheEnd] is not JsonArray) hooks[AtTheEnd] = new JsonArray();
        hooks[AtTheEnd]!.AsArray().Add((JsonNode)new JsonObject
        {
            ["path"] = program,
            ["args"] = SpecMount.Texts("runcvm", ForgetVerb, key),
        });
    }

    private static void Rewrite(JsonNode hook, string program, string bundle)
    {
        string[] arguments = ProcessReader.Texts(hook["args"]);
        string path = PathOf(hook);
        if (arguments is [OfDocker, ..] && path.StartsWith("/proc/", StringComparison.Ordinal)) return;
        hook["args"] = SpecMount.Texts(["runcvm", Verb, bundle, path, .. arguments.Length == 0 ? [path] : arguments]);
        hook["path"] = program;
    }

    private static string PathOf(JsonNode hook)
        => hook["path"]?.GetValue<string>()
            ?? throw new UsageException("a hook in config.json names no program (path)");
}
