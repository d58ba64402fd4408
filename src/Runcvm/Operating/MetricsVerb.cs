using System.Text;
using Runcvm.HostFiles;

namespace Runcvm.Operating;

/// <summary>`runcvm metrics`</summary>
internal static class MetricsVerb
{
    internal static int Run(TextWriter output, string? file)
    {
        string text = Metrics.Text(MachineSurvey.Of());
        if (file == null) output.Write(text);
        else AtomicFile.Write(Path.GetFullPath(file), AtomicFile.Readable, stream => stream.Write(Encoding.UTF8.GetBytes(text)));
        return 0;
    }
}
