using Runcvm.Sandbox;

namespace Runcvm.Hypervisors.Qemu;

/// <summary>Which QEMU a file is.</summary>
internal static class QemuVersion
{
    private const string Memory = MachineFolder.Root + "/.qemu-version";

    internal static Version Of(string path) => ProgramVersion.Of(path, Memory, Read);

    /// <summary>What <c>qemu-system-x86_64 --version</c> says on its first line: <c>QEMU emulator version 7.2.22 (Debian …)</c>. Whatever says
    /// something else is taken for an old one, of which least is expected.</summary>
    internal static Version Read(string answer)
    {
        const string Start = "QEMU emulator version ";
        string number = answer.StartsWith(Start, StringComparison.Ordinal) ? answer[Start.Length..].Split(' ', '\n', '-')[0] : "";
        return Version.TryParse(number, out Version? version) ? version : new Version(0, 0);
    }
}
