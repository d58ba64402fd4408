namespace Runcvm.Machines.Firecracker;

/// <summary>Firecracker's command line. Its filter on system calls is on unless somebody switches it off.</summary>
internal static class FirecrackerArguments
{
    // Its log and its last words belong together, and an open pipe needs no room that a guest could fill.
    private const string StandardError = "/proc/self/fd/2";

    internal static List<string> Build(FirecrackerFiles files) =>
    [
        "firecracker",
        "--id", "runcvm",
        "--config-file", files.Configuration,
        "--api-sock", files.Api,
        "--log-path", StandardError,
        "--level", "Warning",
        "--show-level",
    ];
}
