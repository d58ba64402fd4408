using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Oci;
using Runcvm.Sandbox;

namespace Runcvm.Cli;

/// <summary>`runcvm hook`: becomes a hook of the container, whose standard input says the container's state with the
/// bundle that the user gave.</summary>
internal static class HookVerb
{
    private const int StandardInput = 0;

    internal static int Run(IReadOnlyList<string> arguments)
    {
        if (arguments is not [string bundle, string program, _, ..])
            throw new UsageException($"'{SandboxHooks.Verb}' is what RunCVM's own parts call; see runcvm help");
        using SafeFileHandle source = FileDescriptor.Duplicate(new SafeFileHandle(StandardInput, ownsHandle: false));
        using SafeFileHandle told =
            FileDescriptor.InMemory("state", Encoding.UTF8.GetBytes(Told(FileDescriptor.ReadToEnd(source), bundle)));
        FileDescriptor.PlaceAt(told, StandardInput);
        CurrentProcess.Execute(program, [.. arguments.Skip(2)], CurrentProcess.Environment);
        return 1;
    }

    /// <param name="state">as the low-level runtime says it, of the sandbox</param>
    /// <param name="bundle">the container's</param>
    internal static string Told(byte[] state, string bundle)
    {
        JsonObject told = Bundle.Parse(state, "what the low-level runtime tells a hook");
        told["bundle"] = bundle;
        return told.ToJsonString();
    }
}
