using Runcvm.Guest.Boot;
using Runcvm.Guest.Modules;
using Runcvm.Guest.Pods;
using Runcvm.Guest.Spawned;
using Runcvm.Linux.Processes;

CurrentProcess.IgnoreBrokenPipes();
string calledAs = Environment.GetCommandLineArgs()[0];
if (calledAs.EndsWith("modprobe", StringComparison.Ordinal)) return Modprobe.Run(args);
if (args is ["reap"]) return ReapingInit.Run();
if (args is [PodInit.Verb]) return PodInit.Run();
if (args is ["spawn"]) return SpawnedProcess.Run();
if (CurrentProcess.Id == 1) return GuestBoot.Run();
Console.Error.WriteLine("runcvm-init: this program is the first process of a RunCVM guest and is not called by hand");
return 2;
