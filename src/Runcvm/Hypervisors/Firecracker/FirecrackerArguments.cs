namespace Runcvm.Hypervisors.Firecracker;

/// <summary>Firecracker's command line. Its filter on system calls is on unless somebody switches it off.</summary>
internal static class FirecrackerArguments
{
    internal static List<string> Build(FirecrackerFiles files) =>
    [
        "firecracker",
        "--id", "runcvm",
        "--config-file", files.Configuration,
        "--api-sock", files.Api,
        // The same pipe as its standard error: its log and its last words belong together, and a pipe needs no room that a guest could fill.
        "--log-path", files.Errors,
        "--level", "Warning",
        "--show-level",
    ];
}
