using Runcvm.Supervisor;

namespace Runcvm.Operating;

/// <summary>`runcvm dmesg`</summary>
internal static class DmesgVerb
{
    internal static int Run(TextWriter output, string text)
    {
        output.Write(TextRing.Printable(SupervisorSocket.ReadKernelLog(KnownMachine.Find(text))));
        return 0;
    }
}
