namespace Runcvm.Installation;

/// <summary>Archives of Firecracker's releases whose SHA-256 is known here. Each was compared with what several projects that have nothing to
/// do with each other pin for the same archive.</summary>
internal static class FirecrackerRelease
{
    private const string Releases = "https://github.com/firecracker-microvm/firecracker/releases/download/v1.17.0/";

    private static readonly (string Name, string Digest)[] Archives =
    [
        ("firecracker-v1.17.0-x86_64.tgz", "06094a1108ae9e82aa4c23a775aa92758f53f1175d422270d9d6162cb9ade558"),
        ("firecracker-v1.17.0-aarch64.tgz", "e351ebe4f7a16b5873bbd51005d2e6767103cff4d5ebc829df2d3f95a93e2256"),
    ];

    /// <summary>The digest that a release's archive must have; null for everything else. Of an address all of it counts, of a file its name.</summary>
    internal static string? DigestOf(string source)
        => Array.Find(Archives, archive => source == Releases + archive.Name || (!source.Contains("://", StringComparison.Ordinal) && Path.GetFileName(source) == archive.Name)).Digest;
}
