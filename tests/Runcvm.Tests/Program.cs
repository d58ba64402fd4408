using Runcvm.Guest.Spawned;
using Runcvm.Linux.Processes;
using Runcvm.Tests.GuestTrials;

namespace Runcvm.Tests;

/// <summary>The tests' own program. Started by a test it is the guest's program as well, as which it starts itself
/// again.</summary>
internal static class Program
{
    private static int Main(string[] args)
    {
        switch (args)
        {
            case ["spawn"]:
                CurrentProcess.IgnoreBrokenPipes();
                return SpawnedProcess.Run();
            case ["reap"]:
                CurrentProcess.IgnoreBrokenPipes();
                return ReapingInit.Run();
            case [GuestTrial.Sandbox, string folder, string stream, string shares]:
                return GuestTrial.RunSandbox(folder, stream, shares);
            case [GuestTrial.Init]:
                return GuestTrial.RunInit();
            default:
                return Xunit.MicrosoftTestingPlatform.TestPlatformTestFramework
                    .RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions).GetAwaiter().GetResult();
        }
    }
}
