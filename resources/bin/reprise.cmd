@echo off
setlocal
set ELECTRON_RUN_AS_NODE=1
"%~dp0..\Reprise.exe" "%~dp0..\resources\app.asar\out\cli.js" %*
exit /b %ERRORLEVEL%
