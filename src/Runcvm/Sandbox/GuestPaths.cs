using System.Text.Json.Nodes;
using Runcvm.Oci;

namespace Runcvm.Sandbox;

/// <summary>Paths that a spec masks or makes read-only for the workload.</summary>
internal static class GuestPaths
{
    // Engines hide parts of these from every container, as they are the host's kernel. In a machine they are its own.
    private static readonly string[] OfKernel = ["/proc", "/sys"];

    /// <summary>Those of the list that mean the container's files.</summary>
    /// <param name="list">absolute paths</param>
    /// <exception cref="UsageException">one is relative</exception>
    internal static IReadOnlyList<string> Of(JsonNode? list)
    {
        var paths = new List<string>();
        foreach (string path in ProcessReader.Texts(list))
        {
            if (!path.StartsWith('/'))
                throw new UsageException($"'{path}' is to be masked or read-only, and is no absolute path");
            string plain = Path.GetFullPath(path).TrimEnd('/');
            bool isKernels = OfKernel.Any(folder => (plain + "/").StartsWith(folder + "/", StringComparison.Ordinal));
            if (!isKernels) paths.Add(plain.Length == 0 ? "/" : plain);
        }

        return paths;
    }
}
